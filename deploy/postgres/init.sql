-- Prepares a PostgreSQL server (13 or later) for weather-mcp-analytics: roles, database, extension, and
-- no rights beyond what they need. Run it with psql 14 or later, as a superuser; a second time changes
-- the password and mends what is missing:
--
--     ANALYTICS_DB_PASSWORD=… psql -X -f init.sql postgres
--
-- In the images of PostgreSQL and TimescaleDB it belongs into /docker-entrypoint-initdb.d. Database and
-- role are called `analytics` unless -v database=… and -v role=… say otherwise. Then:
--
--     store: { url: 'postgres://analytics:…@host/analytics?sslmode=verify-full' }

\set ON_ERROR_STOP on
\if :{?database}
\else
  \set database analytics
\endif
\if :{?role}
\else
  \set role analytics
\endif
\set password ''
\getenv password ANALYTICS_DB_PASSWORD
\set reader :role _reader

SELECT :'password' = '' AS without_password \gset
\if :without_password
DO $$ BEGIN
  RAISE EXCEPTION 'the variable ANALYTICS_DB_PASSWORD must hold the password of the new role';
END $$;
\endif

-- Keep the password out of the server's log.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';

-- The role of servers and workers. It owns the tables, as it migrates them, and nothing else.
SELECT format('CREATE ROLE %I', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN PASSWORD :'password'
  NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
RESET log_statement;
RESET log_min_duration_statement;
RESET log_min_error_statement;

-- For those who only look, such as Grafana: GRANT analytics_reader TO somebody;
SELECT format('CREATE ROLE %I NOLOGIN', :'reader')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'reader') \gexec

-- It belongs to whoever runs this script, so that a server cannot drop it.
SELECT format('CREATE DATABASE %I ENCODING ''UTF8'' TEMPLATE template0', :'database')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database') \gexec
REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
-- TEMPORARY: `migrate down` keeps rows in a temporary table while it turns hypertables back.
GRANT CONNECT, TEMPORARY ON DATABASE :"database" TO :"role";
GRANT CONNECT ON DATABASE :"database" TO :"reader";

\connect :"database"

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO :"role";
GRANT USAGE ON SCHEMA public TO :"reader";
ALTER DEFAULT PRIVILEGES FOR ROLE :"role" IN SCHEMA public GRANT SELECT ON TABLES TO :"reader";

-- TimescaleDB where the server has it loaded, not only installed. Without it nothing is missing.
SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
   AND current_setting('shared_preload_libraries') LIKE '%timescaledb%' AS has_timescale \gset
\if :has_timescale
  CREATE EXTENSION IF NOT EXISTS timescaledb;
\endif
