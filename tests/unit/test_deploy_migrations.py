"""Which migrations are still to apply, and which are refused."""

import pytest

from database.migrate import Script, pending_migrations, read_migrations, with_database
from sma.errors import SmaError

_ONE, _TWO, _THREE = (Script(f"000{number}_x.sql", f"SELECT {number}") for number in (1, 2, 3))


def _recorded(*scripts):
    return [(script.name, script.sha256) for script in scripts]


def test_what_is_not_recorded_is_pending_in_order():
    assert pending_migrations([_ONE, _TWO, _THREE], _recorded(_ONE)) == [_TWO, _THREE]
    assert pending_migrations([_ONE, _TWO], _recorded(_ONE, _TWO)) == []


def test_an_edited_migration_is_refused():
    with pytest.raises(SmaError, match=r"0001_x\.sql: was edited after it was applied"):
        pending_migrations([Script(_ONE.name, "SELECT 0")], _recorded(_ONE))


def test_a_missing_migration_is_refused():
    with pytest.raises(SmaError, match=r"0002_x\.sql: was applied to this database but its file is missing"):
        pending_migrations([_ONE], _recorded(_ONE, _TWO))


def test_a_migration_that_comes_too_late_for_its_number_is_refused():
    with pytest.raises(SmaError, match=r"0002_x\.sql: comes before 0003_x\.sql, which is applied already"):
        pending_migrations([_ONE, _TWO, _THREE], _recorded(_ONE, _THREE))


@pytest.mark.parametrize("name", ["1_x.sql", "0001-x.sql", "0001_X.sql", "x.sql"])
def test_a_migration_with_another_kind_of_name_is_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(SmaError, match="a migration is named NNNN_name.sql"):
        read_migrations(tmp_path)


def test_two_migrations_with_one_number_are_refused(tmp_path):
    (tmp_path / "0001_a.sql").touch()
    (tmp_path / "0001_b.sql").touch()
    with pytest.raises(SmaError, match=r"0001_b\.sql: has the number of 0001_a\.sql"):
        read_migrations(tmp_path)


def test_a_url_moves_to_another_database_with_all_else_kept():
    assert with_database("postgresql://role:pw@host:1/sma?sslmode=require", "t1") == (
        "postgresql://role:pw@host:1/t1?sslmode=require"
    )
