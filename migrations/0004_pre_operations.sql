-- One row that the backup part renews every few seconds: after a restore its age is what was lost.

CREATE TABLE ops_heartbeat (
    id      smallint PRIMARY KEY CHECK (id = 1),
    beat_at timestamptz NOT NULL
);
COMMENT ON TABLE ops_heartbeat IS
    'Time of the last beat, by the clock of the database server.';
