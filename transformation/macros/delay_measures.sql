{#
  The measures that every delay mart shares, over rows of fct_flights. Delays are minutes, negative when early;
  cancelled and diverted flights have no arrival delay and count in flights only. A flight is late from 15 minutes on
  (the US Department of Transportation's on-time rule).
#}
{% macro delay_measures(fact) %}
    count(*) as flights,
    cast(sum(case when {{ fact }}.is_cancelled then 1 else 0 end) as bigint) as cancelled_flights,
    round(avg({{ fact }}.dep_delay_min), 2) as avg_dep_delay_min,
    round(avg({{ fact }}.arr_delay_min), 2) as avg_arr_delay_min,
    round(percentile_cont(0.9) within group (order by {{ fact }}.arr_delay_min), 1) as p90_arr_delay_min,
    round(avg(case when {{ fact }}.arr_delay_min >= 15 then 1.0 when {{ fact }}.arr_delay_min < 15 then 0.0 end), 4)
        as late_share
{% endmacro %}
