-- Grain: one scheduled departure. Whole days are replaced, so a row that left the source leaves the fact too.
{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='flight_date',
        on_schema_change='fail',
        meta={'index': [['flight_id']]},
        pre_hook="{{ delete_gone(this, ref('stg_flights'), 'flight_date') }}",
    )
}}

{% set columns = [
    'flight_id', 'flight_date', 'carrier', 'flight_number', 'tailnum', 'origin', 'dest', 'sched_dep_hour', 'sched_dep_at',
    'weather_hour_utc', 'dep_delay_min', 'arr_delay_min', 'air_time_min', 'distance_miles', 'is_cancelled', 'is_diverted',
] %}

with flights as (
    select {{ columns | join(', ') }}
    from {{ ref('stg_flights') }}
)

select * from flights
{% if is_incremental() %}
where flight_date in (
    select flight_date from ({{ days_to_rebuild('flights', this, 'flight_date', columns) }}) as days
)
{% endif %}
