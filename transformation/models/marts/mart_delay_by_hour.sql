-- Grain: one local hour of scheduled departure, 0 to 23.
select
    fact.sched_dep_hour,
    {{ delay_measures('fact') }}
from {{ ref('fct_flights') }} as fact
group by fact.sched_dep_hour
