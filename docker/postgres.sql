-- Runs once, when Postgres fills its empty volume: the services' own role, which is no superuser.
\getenv password POSTGRES_PASSWORD
CREATE ROLE g2d LOGIN PASSWORD :'password';
CREATE DATABASE g2d OWNER g2d;
-- The superuser has no password from here on: it can log in inside the container alone.
ALTER ROLE CURRENT_USER PASSWORD NULL;
