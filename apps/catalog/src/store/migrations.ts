/** The schema, a step a version; a step that has been released is never edited. */
export const MIGRATIONS: readonly string[] = [
  `-- What an aspect is now. Values are JSON as text: jsonb has no \\u0000, and what came goes out as it came.
   create table aspects (
     urn text not null, aspect text not null, version integer not null default 1,
     value text not null, system text not null, created_at timestamptz not null default now(), created_by text not null,
     primary key (urn, aspect));
   -- What it was.
   create table aspect_versions (
     urn text not null, aspect text not null, version integer not null,
     value text not null, system text not null, created_at timestamptz not null, created_by text not null,
     primary key (urn, aspect, version));
   create function keep_version() returns trigger language plpgsql as $$
   begin
     if old.value = new.value then
       new.created_at := old.created_at;
       new.created_by := old.created_by;
       new.version := old.version;
     else
       insert into aspect_versions values (old.urn, old.aspect, old.version, old.value, old.system, old.created_at, old.created_by);
       new.version := old.version + 1;
     end if;
     return new;
   end $$;
   create trigger keep_version before update on aspects for each row execute function keep_version();

   create table events (
     urn text not null, aspect text not null, at bigint not null, id text not null,
     value text not null, system text not null, primary key (urn, aspect, at, id));

   -- An entity's aspect says that data, or something else, leads from one to another: mostly from itself, or between columns.
   create table edges (
     owner text not null, aspect text not null, source text not null, type text not null, target text not null,
     lineage text, -- the target is 'up' or 'down' of the source
     primary key (owner, aspect, source, type, target));
   create index edges_by_source on edges (source, type);
   create index edges_by_target on edges (target, type);

   -- What is searched. Each aspect gives a part: {"name": …, "texts": {"A": …}, "fields": {"platform": […]}}.
   create table entities (
     urn text primary key, type text not null, name text not null default '', removed boolean not null default false,
     parts jsonb not null, fields jsonb not null default '{}', words tsvector not null default '',
     created_at timestamptz not null default now());
   create index entities_by_type on entities (type, urn);
   create index entities_by_name on entities (lower(name));
   create index entities_by_words on entities using gin (words);
   create index entities_by_fields on entities using gin (fields jsonb_path_ops);
   create function join_parts() returns trigger language plpgsql as $$
   declare
     texts text[];
   begin
     select array_agg(coalesce(t.words, '') order by w.weight) into texts
       from unnest(array['A', 'B', 'C', 'D']) w(weight)
       left join lateral (select string_agg(p.value->'texts'->>w.weight, ' ') as words from jsonb_each(new.parts) p) t on true;
     new.words := setweight(to_tsvector('simple', texts[1]), 'A') || setweight(to_tsvector('simple', texts[2]), 'B')
       || setweight(to_tsvector('simple', texts[3]), 'C') || setweight(to_tsvector('simple', texts[4]), 'D');
     select coalesce(jsonb_object_agg(f.key, f.items), '{}') into new.fields from (
       select f.key, jsonb_agg(distinct i.value) as items
         from jsonb_each(new.parts) p, jsonb_each(p.value->'fields') f, jsonb_array_elements(f.value) i group by f.key) f;
     -- What people wrote wins over what a program found, and that over the key.
     select coalesce((select p.value->>'name' from jsonb_each(new.parts) p where p.value ? 'name'
       order by p.key like 'editable%' desc, p.key like '%Key', p.key limit 1), '') into new.name;
     new.removed := coalesce((new.parts->'status'->'fields'->'removed') @> '["true"]', false);
     return new;
   end $$;
   create trigger join_parts before insert or update on entities for each row execute function join_parts();`,
  `-- What an aspect gives to the search comes ready to be joined, {"name": …, "words": "'flights':1A", "fields": {"platform": […]}}, and
   -- \`fields\` is a list of what they each have.
   create or replace function join_parts() returns trigger language plpgsql as $$
   begin
     -- What people wrote wins over what a program found, and that over the key.
     select coalesce(string_agg(p.value->>'words', ' '), '')::tsvector, coalesce(jsonb_agg(p.value->'fields'), '[]'),
         coalesce((array_agg(p.value->>'name' order by p.key like 'editable%' desc, p.key like '%Key', p.key)
           filter (where p.value ? 'name'))[1], '')
       into new.words, new.fields, new.name from jsonb_each(new.parts) p;
     new.removed := coalesce((new.parts->'status'->'fields'->'removed') @> '["true"]', false);
     return new;
   end $$;
   -- What a search reads of many entities stays together; what it reads of few lies apart.
   alter table entities alter words set storage main, set (toast_tuple_target = 1024);
   update entities e set parts = (
     select jsonb_object_agg(p.key, p.value - 'texts' || jsonb_build_object('words', (
       select coalesce(string_agg(setweight(to_tsvector('simple', t.value), t.key::"char")::text, ' '), '')
         from jsonb_each_text(p.value->'texts') t)))
       from jsonb_each(e.parts) p);

   -- Aspects of which edges, and what is searched, aren't made yet: a row a write.
   create table unindexed (id bigint generated always as identity primary key, urns text[] not null, aspects text[] not null);

   -- The writer gives no edge of an aspect twice.
   alter table edges drop constraint edges_pkey;
   drop index edges_by_source, edges_by_target;
   create index edges_by_owner on edges (owner);
   create index edges_by_source on edges (source, lineage);
   create index edges_by_target on edges (target, lineage);`,
];
