-- Grain: one repository.
with releases as (
    select
        repository,
        tag_name,
        published_at,
        is_prerelease,
        downloads,
        {{ dbt.datediff('lag(published_at) over (partition by repository order by published_at)', 'published_at', 'second') }}
            / 86400.0 as days_since_last,
        row_number() over (partition by repository order by published_at desc, release_id desc) as newest
    from {{ ref('stg_github_releases') }}
)

select
    repository,
    count(*) as releases,
    cast(sum(case when is_prerelease then 1 else 0 end) as bigint) as prereleases,
    cast(sum(downloads) as bigint) as downloads,
    max(case when newest = 1 then tag_name end) as latest_release,
    min(published_at) as first_published_at,
    max(published_at) as latest_published_at,
    round(cast(percentile_cont(0.5) within group (order by days_since_last) as double), 2) as median_days_between
from releases
group by repository
