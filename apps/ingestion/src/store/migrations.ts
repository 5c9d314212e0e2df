/** The schema, a step a version; a step that has been released is never edited. */
export const MIGRATIONS: readonly string[] = [
  `create table workspaces (
     id uuid primary key, name text not null, created_at timestamptz not null default now(), deleted_at timestamptz);
   create table sources (
     id uuid primary key, workspace_id uuid not null references workspaces, name text not null, type text not null,
     configuration json not null, catalog json, catalog_key text,
     created_at timestamptz not null default now(), deleted_at timestamptz);
   create table destinations (
     id uuid primary key, workspace_id uuid not null references workspaces, name text not null, type text not null,
     configuration json not null, created_at timestamptz not null default now(), deleted_at timestamptz);
   create table connections (
     id uuid primary key, workspace_id uuid not null references workspaces,
     source_id uuid not null references sources, destination_id uuid not null references destinations,
     name text not null, status text not null, settings json not null, streams json not null,
     created_at timestamptz not null default now(), deleted_at timestamptz);
   create table jobs (
     id integer generated always as identity primary key, connection_id uuid not null references connections,
     type text not null, status text not null, load_id uuid not null default gen_random_uuid(),
     attempts integer not null default 0, not_before timestamptz not null default now(),
     rows bigint not null default 0, bytes bigint not null default 0, quarantined bigint not null default 0,
     error text, pid integer, pid_start text,
     created_at timestamptz not null default now(), started_at timestamptz, ended_at timestamptz,
     updated_at timestamptz not null default now());
   create unique index one_job_a_connection on jobs (connection_id) where status in ('pending', 'running', 'incomplete');
   create index jobs_by_connection on jobs (connection_id, id desc);`,
];