"""A migration that has been released is never edited, comments included: every database that has it would refuse it."""

import pytest

from database.migrate import SQL_DIR, Script

# as recorded in `migrations.applied` of the databases that exist; a migration joins this list when it is released
RELEASED = {
    "0001_roles.sql": "8933d73f10e3e7dbc70c8d662b69e69d923b9b6278353dba6a44934a99c29d0a",
    "0002_averages.sql": "889c28b6fc94c7c510935c9604b5730e89200714e06424248358fdd5b0fc2b0b",
    "0003_reconciliation.sql": "4e83a148c8f11d0b93f178158ab2e123e69f48fa5100a7068b119875124ad1fe",
    "0004_grants.sql": "df32f510bc18b96e948c6fbca6f9f0cfce4670c36f5aa75f0d300b84ecd8fa09",
    "0005_definitions.sql": "56fff256f0068d6c3187a318b4e8a294611365e408164ce1b077964e8ddf7f3a",
    "0006_newest_offset.sql": "9f4e7e0b5075bb08b0e38b8660880fd2e125076cc1e84dc180c3e3298f010ca8",
    "0007_offset_index.sql": "d2aaa28bec927c812448e3de39c6e3c3389d23d0839f6a1b321f05ed7e7b8f06",
    "0008_corrections.sql": "c980cc7af557cfb7b62d50b1d30d6ac3b966f8afd09f359ab29bbdf0baf3b02c",
    "0009_automation.sql": "10dc9d372786fc8e6053aa37321b7c9b1d9802561109247d4422613b5dd183d4",
    "0010_customers.sql": "5857ecf54485a3283c26c621fe794cd60251e10a58d480da627b7a53ab5f2189",
    "0011_refreshes.sql": "e596d409395d85f874ffa370b627ef4525ce7e9ad1609e1896f919510264572f",
    "0012_monitoring.sql": "79ca8ce4df6603d450792cf295e3aa5b090ecd2b0e1c8110f13174a849946daf",
    "0013_field_words.sql": "493d3c51cff43352f70f40cfb284ea3b3c4f09b17521cee54b99b92e3cf7dd9c",
    "0014_log_time.sql": "6e6a02a2544fb191487edf9eabb8fab88bcf113d558d58fc46c336bbab097018",
    "0016_mismatched_records.sql": "a8295315ff427feaecf3c0aba0b42e3780832546403e085077dc98dd5740ab11",
    "0017_generations.sql": "506e563edba77eebf7251648d250087e15ddc0bc5c422c1249a82a56bc0d175c",
    "0018_audit.sql": "567a625385ad221326ab10b8ff862015e88941ccf075d41663e5904f5aa5fa7f",
    "0019_topic_id.sql": "42b0f6992de5972a4b6c5597b4ea5e067ec88637def03c73e258e622ce3bfa12",
    "0020_parallel_plans.sql": "e4084d9f0c3fc488522867baca7207348057ecf3d85372c8e1f23969f6de3a0f",
    "0021_password_digest.sql": "41ce458c6a0bd8206a75c714d8532fbb1e3d4152b44835853be766ee891673a0",
    "0022_closing_by_partition.sql": "dd1e09372cf02b192565821666153efcbccbb886be426723aca5f67baa7a456c",
    "0023_split_series.sql": "e9e24266d811534cf1c347cb59866a2277bc4f5f808aee687ed79f1991479936",
    "0024_offset_of_a_grid.sql": "2c06260e07c993257a553d02ea312b375ce47bcfed31c91a5e78d95f4f73b41f",
    "0025_days_of_the_log.sql": "5535f5ae04ca86ed17a360642dff76bc6d79c85331c680815eb0ea422c7de048",
    "0026_customers_newest_rows.sql": "4c6d9d1ca9cfbec588231e423bfd6dbf8439c205c65a5e4b677c91ab58832e2d",
    "0027_accounted.sql": "94d29a526396fd083447ec57b93796d1a411d8d4cd1e6abca2665978c8beafe4",
}


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_migration_is_as_it_was_applied(name):
    path = SQL_DIR / "migrations" / name
    assert Script(name, path.read_text()).sha256 == RELEASED[name], f"{name} was edited: restore it, write the next one"
