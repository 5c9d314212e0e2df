"""Small rows of the sources that the tests don't load from files: GitHub's releases, and Airbyte's sample shop."""

from pathlib import Path

import duckdb

RELEASES = [
    # id, repository, tag, published
    (1, "a/one", "v1", "2024-01-01 10:00:00+00"),
    (2, "a/one", "v2", "2024-01-11 10:00:00+00"),
    (3, "a/one", "v3", "2024-01-14 22:00:00+00"),
    (4, "a/two", "w1", "2024-02-01 00:00:00+00"),
]

SHOP = """
create schema if not exists raw_airbyte;
create or replace table raw_airbyte.users as
    select id, timestamp '2024-01-01' as created_at, timestamp '2024-01-02' as updated_at, 'Ann' as name, 'Dr' as title,
        30 + id as age, 'ann@example.com' as email, '1' as telephone, 'F' as gender, 'Dutch' as language,
        'Master' as academic_degree, 'Dutch' as nationality, 'Baker' as occupation, '1.7' as height, 'A' as blood_type,
        60::bigint as weight, '{}' as address
    from range(1, 4) as numbers(id);
create or replace table raw_airbyte.products (
    id bigint, make varchar, model varchar, year bigint, price double, created_at timestamp, updated_at timestamp);
insert into raw_airbyte.products values
    (1, 'Mazda', 'MX-5', 2008, 2869, '2022-02-01', '2022-11-01'),
    (2, 'Mercedes-Benz', 'C-Class', 2009, 42397.5, '2021-01-25', '2022-11-01');
create or replace table raw_airbyte.purchases (
    id bigint, product_id bigint, user_id bigint, added_to_cart_at timestamp, purchased_at timestamp, returned_at timestamp,
    created_at timestamp, updated_at timestamp);
insert into raw_airbyte.purchases values
    (1, 1, 1, '2024-03-01', '2024-03-02', null, '2024-03-01', '2024-03-02'),
    (2, 1, 2, '2024-03-05', '2024-03-31 23:00', '2024-04-10', '2024-03-05', '2024-04-10'),
    (3, 2, 3, '2024-04-01', '2024-04-01 01:00', null, '2024-04-01', '2024-04-01 01:00'),
    (4, 2, 3, '2024-04-02', null, null, '2024-04-02', '2024-04-02');
"""


def load_releases(warehouse: Path) -> None:
    """The table as dlt makes it."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("create schema if not exists raw")
        connection.execute(
            "create or replace table raw.github_releases (id bigint, repository varchar, tag_name varchar, name varchar,"
            " author varchar, draft boolean, prerelease boolean, created_at timestamptz, published_at timestamptz,"
            " html_url varchar, body varchar, downloads bigint, _dlt_load_id varchar, _dlt_id varchar)"
        )
        for id, repository, tag, at in RELEASES:
            connection.execute(
                "insert into raw.github_releases values (?, ?, ?, null, 'ann', false, ?, ?, ?, 'url', 'text', 10, '1', ?)",
                [id, repository, tag, tag == "v2", at, at, str(id)],
            )


def load_shop(warehouse: Path) -> None:
    """Three users, two products, four purchases: one came back, one is still in the cart."""
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(SHOP)
