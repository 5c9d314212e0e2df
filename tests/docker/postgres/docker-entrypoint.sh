#!/bin/sh
# As the official image's: a new folder is initialised with the password, then the server runs as its own user.
set -e
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  mkdir -p "$PGDATA" /run/postgresql
  chown -R postgres:postgres /var/lib/postgresql /run/postgresql
  printf '%s' "$POSTGRES_PASSWORD" >/tmp/password
  chown postgres /tmp/password
  setpriv --reuid=postgres --regid=postgres --clear-groups initdb -D "$PGDATA" --username=postgres --pwfile=/tmp/password --auth=scram-sha-256 $POSTGRES_INITDB_ARGS >/dev/null
  rm /tmp/password
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
fi
mkdir -p /run/postgresql && chown postgres:postgres /run/postgresql
exec setpriv --reuid=postgres --regid=postgres --clear-groups "$@" -c listen_addresses='*'
