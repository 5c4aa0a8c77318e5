-- What a box kept and can prove, and how cameras are recorded.
--
-- Dialect as in the first version. Documents an agent signed are stored exactly as they came, beside the few figures the
-- hub asks for; none is stored whose signature did not verify against the key the agent enrolled with.

-- How a camera is recorded, JSON: {"mode": "continuous" | "off" | "schedule" | "event" | "live_only", ...} with the mode's
-- own terms. A column of its own and then renamed, because the first version's CHECK knew two words only.
ALTER TABLE camera ADD COLUMN recording_terms TEXT NOT NULL DEFAULT '{"mode":"continuous"}';
UPDATE camera SET recording_terms = '{"mode":"' || recording || '"}';
ALTER TABLE camera DROP COLUMN recording;
ALTER TABLE camera RENAME COLUMN recording_terms TO recording;
-- Why sound is recorded. NULL: it is not. A flag without a purpose is not carried over: sound needs a purpose (CAP-02).
ALTER TABLE camera ADD COLUMN audio_purpose TEXT CHECK (audio_purpose IS NULL OR length(audio_purpose) BETWEEN 1 AND 1000);
ALTER TABLE camera DROP COLUMN audio;
-- Footage with an event in it is kept at least so long; NULL: as all footage.
ALTER TABLE camera ADD COLUMN event_days BIGINT CHECK (event_days IS NULL OR event_days BETWEEN 1 AND 3650);
-- Most bytes the camera may occupy on its box; NULL: no such bound.
ALTER TABLE camera ADD COLUMN quota_bytes BIGINT CHECK (quota_bytes IS NULL OR quota_bytes > 0);
-- What each stream should be, JSON {"main": {...}, "sub": {...}}: measured figures far from it open a fault (CAP-04).
ALTER TABLE camera ADD COLUMN targets TEXT NOT NULL DEFAULT '{}';
-- What happens on this box when the disk cannot keep the floors after all.
ALTER TABLE agent ADD COLUMN when_short TEXT NOT NULL DEFAULT 'keep_recording'
    CHECK (when_short IN ('keep_recording', 'keep_floor'));

-- Signed statements of what was and was not recorded of one stream on one day of its site.
CREATE TABLE coverage_statement (
    agent_id    TEXT   NOT NULL,
    -- Counts from 1 over all cameras of the box.
    number      BIGINT NOT NULL CHECK (number >= 1),
    camera_id   TEXT   NOT NULL,
    stream      TEXT   NOT NULL CHECK (stream IN ('main', 'sub')),
    -- 2026-11-24, in the site's zone. A later number for the same day replaces what was said before; both are kept.
    day         TEXT   NOT NULL CHECK (length(day) = 10),
    start_ms    BIGINT NOT NULL,
    end_ms      BIGINT NOT NULL CHECK (start_ms < end_ms),
    issued_ms   BIGINT NOT NULL,
    expected_ms BIGINT NOT NULL CHECK (expected_ms >= 0),
    recorded_ms BIGINT NOT NULL CHECK (recorded_ms >= 0),
    held_ms     BIGINT NOT NULL CHECK (held_ms >= 0),
    damaged_ms  BIGINT NOT NULL CHECK (damaged_ms >= 0),
    -- JSON list of {cause, count, ms}.
    gaps        TEXT   NOT NULL,
    floor_kept  BIGINT NOT NULL CHECK (floor_kept IN (0, 1)),
    -- Of the signed bytes: what the next statement names as the one before it.
    digest      TEXT   NOT NULL,
    previous    TEXT   NOT NULL,
    -- The signed envelope exactly as the agent gave it.
    envelope    TEXT   NOT NULL,
    received_ms BIGINT NOT NULL,
    PRIMARY KEY (agent_id, number)
);
CREATE INDEX coverage_day ON coverage_statement (camera_id, stream, day, number);

-- How far the chains of a box had come, as it signed every ten minutes. The newest and the first of each UTC day are kept
-- whole; of the others, for ninety days, the chain: who names whom.
CREATE TABLE checkpoint (
    agent_id    TEXT   NOT NULL,
    number      BIGINT NOT NULL CHECK (number >= 1),
    digest      TEXT   NOT NULL,
    previous    TEXT   NOT NULL,
    issued_ms   BIGINT NOT NULL,
    -- 1 for the first of its UTC day: its envelope stays.
    of_day      BIGINT NOT NULL CHECK (of_day IN (0, 1)),
    envelope    TEXT,
    received_ms BIGINT NOT NULL,
    PRIMARY KEY (agent_id, number)
);
CREATE INDEX checkpoint_chain ON checkpoint (issued_ms) WHERE envelope IS NULL;

-- Signed certificates of what retention removed.
CREATE TABLE deletion_certificate (
    agent_id    TEXT   NOT NULL,
    number      BIGINT NOT NULL CHECK (number >= 1),
    camera_id   TEXT   NOT NULL,
    stream      TEXT   NOT NULL CHECK (stream IN ('main', 'sub')),
    why         TEXT   NOT NULL,
    issued_ms   BIGINT NOT NULL,
    -- From the start of its first range to the end of its last.
    start_ms    BIGINT NOT NULL,
    end_ms      BIGINT NOT NULL CHECK (start_ms <= end_ms),
    segments    BIGINT NOT NULL CHECK (segments >= 0),
    bytes       BIGINT NOT NULL CHECK (bytes >= 0),
    digest      TEXT   NOT NULL,
    previous    TEXT   NOT NULL,
    envelope    TEXT   NOT NULL,
    received_ms BIGINT NOT NULL,
    PRIMARY KEY (agent_id, number)
);
CREATE INDEX deletion_camera ON deletion_certificate (camera_id, issued_ms);
CREATE INDEX deletion_agent ON deletion_certificate (agent_id, issued_ms);

-- What is gone of each run, from the certificates; ranges that touch are one row. A chain head that comes late, or again,
-- must not bring back what was removed.
CREATE TABLE deleted_range (
    camera_id       TEXT   NOT NULL,
    stream          TEXT   NOT NULL CHECK (stream IN ('main', 'sub')),
    run             TEXT   NOT NULL,
    first_sequence  BIGINT NOT NULL CHECK (first_sequence >= 0),
    last_sequence   BIGINT NOT NULL CHECK (last_sequence >= first_sequence),
    start_ms        BIGINT NOT NULL,
    end_ms          BIGINT NOT NULL CHECK (start_ms <= end_ms),
    PRIMARY KEY (camera_id, stream, run, first_sequence)
);
CREATE INDEX deleted_range_end ON deleted_range (camera_id, stream, end_ms);

-- What happened in front of a camera.
CREATE TABLE event (
    agent_id    TEXT   NOT NULL,
    origin      TEXT   NOT NULL CHECK (length(origin) BETWEEN 1 AND 200),
    camera_id   TEXT   NOT NULL,
    -- activity, manual or input.
    began_by    TEXT   NOT NULL,
    start_ms    BIGINT NOT NULL,
    end_ms      BIGINT NOT NULL CHECK (start_ms <= end_ms),
    detail      TEXT   NOT NULL DEFAULT '',
    received_ms BIGINT NOT NULL,
    PRIMARY KEY (agent_id, origin)
);
CREATE INDEX event_camera ON event (camera_id, end_ms);

-- Steps and states of a box's clock.
CREATE TABLE clock_change (
    agent_id    TEXT   NOT NULL,
    origin      TEXT   NOT NULL CHECK (length(origin) BETWEEN 1 AND 200),
    at_ms       BIGINT NOT NULL,
    boot_id     TEXT   NOT NULL,
    boot_ns     BIGINT NOT NULL,
    -- JSON ClockChange.
    change      TEXT   NOT NULL,
    received_ms BIGINT NOT NULL,
    PRIMARY KEY (agent_id, origin)
);
CREATE INDEX clock_change_at ON clock_change (agent_id, at_ms);

-- What is or was broken on a box.
CREATE TABLE fault (
    fault_id    TEXT   NOT NULL PRIMARY KEY,
    agent_id    TEXT   NOT NULL,
    fault       TEXT   NOT NULL,
    -- '' when it is of the whole box.
    camera_id   TEXT   NOT NULL,
    stream      TEXT   NOT NULL CHECK (stream IN ('', 'main', 'sub')),
    -- The footage it is about, for damage.
    start_ms    BIGINT,
    end_ms      BIGINT,
    detail      TEXT   NOT NULL,
    opened_ms   BIGINT NOT NULL,
    -- Seen mended by a measurement, as the agent says.
    mended_ms   BIGINT,
    received_ms BIGINT NOT NULL,
    CHECK ((start_ms IS NULL) = (end_ms IS NULL)),
    CHECK (start_ms IS NULL OR start_ms < end_ms)
);
CREATE INDEX fault_open ON fault (agent_id) WHERE mended_ms IS NULL;
CREATE INDEX fault_agent ON fault (agent_id, opened_ms);
CREATE INDEX fault_camera ON fault (camera_id, stream, end_ms);

-- For the figures of the last day over all cameras.
CREATE INDEX gap_end ON gap (end_ms);
CREATE INDEX coverage_issued ON coverage_statement (issued_ms);
