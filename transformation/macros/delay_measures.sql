{#
  The measures that every delay mart shares, over rows of fct_flights. Delays are minutes, negative when early;
  cancelled and diverted flights have no arrival delay and count in flights only. A flight is late from 15 minutes on
  (the US Department of Transportation's on-time rule). The casts make both engines give the same type.
#}
{% macro delay_measures(fact) %}
    count(*) as flights,
    cast(sum(case when {{ fact }}.is_cancelled then 1 else 0 end) as bigint) as cancelled_flights,
    round(cast(avg({{ fact }}.dep_delay_min) as double), 2) as avg_dep_delay_min,
    round(cast(avg({{ fact }}.arr_delay_min) as double), 2) as avg_arr_delay_min,
    round(cast(percentile_cont(0.9) within group (order by {{ fact }}.arr_delay_min) as double), 1) as p90_arr_delay_min,
    round(
        cast(avg(case when {{ fact }}.arr_delay_min >= 15 then 1.0 when {{ fact }}.arr_delay_min < 15 then 0.0 end) as double), 4
    ) as late_share
{% endmacro %}
