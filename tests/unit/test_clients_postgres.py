"""What is said of a database that cannot be reached, and that no password is ever said."""

import pytest
from pydantic import SecretStr

from clients import postgres
from clients.answers import Unanswered
from sma.errors import SmaError

SETTING = "SMA_DATABASE_URL"


def test_a_database_that_is_down_is_named_with_the_way_out():
    url = SecretStr("postgresql://reader:hidden@127.0.0.1:1/averages")
    with pytest.raises(Unanswered) as raised, postgres.session(url, SETTING, "test"):
        pass
    assert str(raised.value).startswith("the database does not answer at 127.0.0.1:1/averages (connection failed: ")
    assert str(raised.value).endswith("Connection refused): run `sma up`")
    assert "hidden" not in str(raised.value)


def test_a_url_that_is_not_set_names_its_setting():
    with pytest.raises(SmaError, match="SMA_DATABASE_URL is not set: start the local stack with `sma up`, or set it"):
        postgres.connect(SecretStr(""), SETTING, "test")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://reader:hid%zzden@127.0.0.1:1/averages",  # libpq names the token that it cannot decode
        "postgresql//reader:hidden@127.0.0.1/averages",  # ... and the whole of what is no URL
        "postgresql://reader:hid/den@127.0.0.1:1/averages",  # ... and takes a part of the password for the database
        "postgresql://reader:hidden@127.0.0.1:port/averages",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_a_word_of_it(url: str):
    with pytest.raises(SmaError) as raised:
        postgres.connect(SecretStr(url), SETTING, "test")
    assert (
        str(raised.value) == "SMA_DATABASE_URL is no PostgreSQL URL, as postgresql://user:password@host:port/database"
    )
    assert raised.value.__cause__ is None
