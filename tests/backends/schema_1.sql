-- A database as the first released version leaves it, with one room in it: what files in the field look like.
-- Never edited once that version is out. Made with `.dump` in the sqlite3 shell, and the PRAGMAs added.

PRAGMA journal_mode = WAL;
PRAGMA application_id = 1399416686;
PRAGMA user_version = 1;

BEGIN TRANSACTION;

CREATE TABLE claims (
    key TEXT NOT NULL PRIMARY KEY,
    code TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO claims VALUES ('key-1', 'aaaaaa', 'print-1', 1700003600000);

CREATE TABLE events (
    code TEXT NOT NULL,
    version INTEGER NOT NULL,
    at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (code, version)
) WITHOUT ROWID;
INSERT INTO events VALUES (
    'aaaaaa', 1, 1700000000000,
    '{"event":"room_created","version":1,"at":1700000000000,"code":"aaaaaa","owner_id":"ada","expires_at":1700003600000,"max_participants":10,"retention":7200000}'
);
INSERT INTO events VALUES (
    'aaaaaa', 2, 1700000000000,
    '{"event":"participant_joined","version":2,"at":1700000000000,"seat":{"socket_id":"socket-1","display_name":"Ada Lovelace","user_id":"ada","joined_at":1700000000000,"node":"node-1","number":1}}'
);

CREATE TABLE probe (id INTEGER PRIMARY KEY CHECK (id = 1), count INTEGER NOT NULL);
INSERT INTO probe VALUES (1, 0);

CREATE TABLE rooms (
    code TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    state TEXT NOT NULL,
    owner_id TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    seat_count INTEGER NOT NULL,
    joined_total INTEGER NOT NULL,
    body TEXT NOT NULL
);
INSERT INTO rooms VALUES (
    'aaaaaa', 2, 'open', 'ada', 1700000000000, 1700003600000, 1700003600000, 1, 1,
    '{"code":"aaaaaa","version":2,"state":"open","owner_id":"ada","created_at":1700000000000,"expires_at":1700003600000,"max_participants":10,"retention":7200000,"ended_at":null,"joined_total":1,"seats":{"socket-1":{"socket_id":"socket-1","display_name":"Ada Lovelace","user_id":"ada","joined_at":1700000000000,"node":"node-1","number":1}}}'
);

CREATE TABLE totals (
    state TEXT NOT NULL PRIMARY KEY,
    rooms INTEGER NOT NULL,
    seat_count INTEGER NOT NULL,
    joined_total INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO totals VALUES ('closed', 0, 0, 0);
INSERT INTO totals VALUES ('expired', 0, 0, 0);
INSERT INTO totals VALUES ('open', 1, 1, 1);

CREATE INDEX rooms_by_state ON rooms (state, created_at, code, expires_at);
CREATE INDEX rooms_by_owner ON rooms (owner_id, state, created_at, code, expires_at)
WHERE owner_id IS NOT NULL;
CREATE INDEX rooms_by_due ON rooms (due_at, code);
CREATE INDEX rooms_open_by_expiry ON rooms (expires_at) WHERE state = 'open';
CREATE INDEX rooms_occupied ON rooms (code) WHERE seat_count > 0;
CREATE TRIGGER rooms_inserted AFTER INSERT ON rooms BEGIN
    UPDATE totals SET
        rooms = rooms + 1,
        seat_count = seat_count + new.seat_count,
        joined_total = joined_total + new.joined_total
    WHERE state = new.state;
END;
CREATE TRIGGER rooms_deleted AFTER DELETE ON rooms BEGIN
    UPDATE totals SET
        rooms = rooms - 1,
        seat_count = seat_count - old.seat_count,
        joined_total = joined_total - old.joined_total
    WHERE state = old.state;
END;
CREATE TRIGGER rooms_updated AFTER UPDATE ON rooms
BEGIN
    UPDATE totals SET
        rooms = rooms - 1,
        seat_count = seat_count - old.seat_count,
        joined_total = joined_total - old.joined_total
    WHERE state = old.state;
    UPDATE totals SET
        rooms = rooms + 1,
        seat_count = seat_count + new.seat_count,
        joined_total = joined_total + new.joined_total
    WHERE state = new.state;
END;
CREATE INDEX claims_by_expiry ON claims (expires_at);

COMMIT;
