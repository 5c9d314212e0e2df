-- Grain: one release that is out (drafts aren't loaded).
select
    id as release_id,
    repository,
    tag_name,
    coalesce(name, tag_name) as release_name,
    author,
    prerelease as is_prerelease,
    cast(published_at as timestamp) as published_at,
    html_url as url,
    downloads
from {{ source_or_empty('raw', 'github_releases', {
    'id': 'bigint', 'repository': 'varchar', 'tag_name': 'varchar', 'name': 'varchar', 'author': 'varchar',
    'draft': 'boolean', 'prerelease': 'boolean', 'created_at': 'timestamp', 'published_at': 'timestamp',
    'html_url': 'varchar', 'body': 'varchar', 'downloads': 'bigint',
}) }}
where not coalesce(draft, false)
