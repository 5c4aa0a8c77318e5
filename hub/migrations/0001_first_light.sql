-- The hub's tables, first version.
--
-- Dialect: what SQLite and PostgreSQL both take (BIGINT, TEXT, BYTEA; no serial, boolean, JSON or timestamp types).
-- Ids are lower-case UUIDv7 text. Times are integer UTC milliseconds, `_ms`. Yes and no are 1 and 0. JSON is TEXT and is
-- never queried into. Every CHECK is an invariant some code relies on.

-- A place with cameras.
CREATE TABLE site (
    site_id     TEXT   NOT NULL PRIMARY KEY,
    -- As people call it; unique, so that a command can name a site.
    name        TEXT   NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 120),
    -- IANA name. Every time shown for the site is shown in it.
    time_zone   TEXT   NOT NULL CHECK (length(time_zone) BETWEEN 1 AND 64),
    created_ms  BIGINT NOT NULL
);

-- A box at a site. Its id is also its certificate's CN, its MQTT client id and its topic segment.
CREATE TABLE agent (
    agent_id        TEXT   NOT NULL PRIMARY KEY,
    site_id         TEXT   NOT NULL REFERENCES site (site_id),
    -- What the box calls itself; for people only.
    hostname        TEXT   NOT NULL CHECK (length(hostname) <= 255),
    version         TEXT   NOT NULL CHECK (length(version) <= 64),
    target          TEXT   NOT NULL CHECK (length(target) <= 64),
    -- SPKI DER in base64: checks what the agent signs (manifests).
    signing_key     TEXT   NOT NULL,
    -- 32 bytes in base64: camera credentials are sealed to it; the hub cannot open them.
    sealing_key     TEXT   NOT NULL,
    enrolled_ms     BIGINT NOT NULL,
    -- Highest session number ever heard. A lower one is an echo of an older session and is ignored, also after a restart.
    session         BIGINT NOT NULL DEFAULT 0 CHECK (session >= 0),
    -- Of that session: the kernel's boot id, and the nonce every order must carry back.
    boot_id         TEXT   NOT NULL DEFAULT '',
    nonce           TEXT   NOT NULL DEFAULT '',
    -- What its last presence said: online, stopping, lost; '' before the first.
    presence        TEXT   NOT NULL DEFAULT '' CHECK (presence IN ('', 'online', 'stopping', 'lost')),
    presence_ms     BIGINT NOT NULL DEFAULT 0,
    -- Any sign of life, written at most every 30 s.
    last_seen_ms    BIGINT NOT NULL DEFAULT 0,
    -- Set once. A revoked agent is refused at every door; the box has to be enrolled anew and gets another id.
    revoked_ms      BIGINT,
    revoked_reason  TEXT   NOT NULL DEFAULT '',
    -- Rises with every change of what the agent should do; the renderer works when it is above desired.rendered_from.
    policy_version  BIGINT NOT NULL DEFAULT 1,
    CHECK (revoked_ms IS NOT NULL OR revoked_reason = '')
);
CREATE INDEX agent_site ON agent (site_id);

-- Every certificate ever issued to an agent, so that one serial can be revoked by itself.
CREATE TABLE certificate (
    -- Lower-case hex without leading zeros, as both doors read it from a certificate.
    serial          TEXT   NOT NULL PRIMARY KEY,
    agent_id        TEXT   NOT NULL REFERENCES agent (agent_id),
    not_before_ms   BIGINT NOT NULL,
    not_after_ms    BIGINT NOT NULL,
    issued_ms       BIGINT NOT NULL,
    revoked_ms      BIGINT,
    CHECK (not_before_ms < not_after_ms)
);
CREATE INDEX certificate_agent ON certificate (agent_id, not_after_ms);

-- A camera, as people want it. Rendered into its agent's desired state.
CREATE TABLE camera (
    camera_id       TEXT   NOT NULL PRIMARY KEY,
    agent_id        TEXT   NOT NULL REFERENCES agent (agent_id),
    name            TEXT   NOT NULL CHECK (length(name) BETWEEN 1 AND 120),
    source          TEXT   NOT NULL CHECK (source IN ('auto', 'rtsp', 'gst')),
    recording       TEXT   NOT NULL CHECK (recording IN ('continuous', 'off')),
    audio           BIGINT NOT NULL CHECK (audio IN (0, 1)),
    -- Never with a password in it; the policy module refuses those.
    url             TEXT   NOT NULL,
    sub_url         TEXT,
    -- JSON Sealed `user:password`, to the agent's sealing key, bound to camera and host. NULL: the camera asks for none.
    credential      TEXT,
    -- The same secret sealed to the customer's recovery recipient, so that a replacement box can be re-sealed.
    recovery        TEXT,
    -- Authority of the camera's own certificate, for rtsps.
    ca_pem          TEXT,
    -- Never delete younger; must delete older.
    floor_days      BIGINT NOT NULL CHECK (floor_days BETWEEN 0 AND 3650),
    ceiling_days    BIGINT CHECK (ceiling_days IS NULL OR (ceiling_days >= floor_days AND ceiling_days <= 3650)),
    created_ms      BIGINT NOT NULL,
    -- A removed camera keeps its footage and its row; it only leaves the desired state.
    removed_ms      BIGINT
);
CREATE INDEX camera_agent ON camera (agent_id);

-- Footage that may not be deleted, whatever the retention says.
CREATE TABLE hold (
    hold_id     TEXT   NOT NULL PRIMARY KEY,
    camera_id   TEXT   NOT NULL REFERENCES camera (camera_id),
    start_ms    BIGINT NOT NULL,
    end_ms      BIGINT NOT NULL,
    reason      TEXT   NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    -- Pseudonym of who placed it; '' when placed at the hub's own command line.
    person_id   TEXT   NOT NULL,
    placed_ms   BIGINT NOT NULL,
    released_ms BIGINT,
    CHECK (start_ms < end_ms)
);
CREATE INDEX hold_camera ON hold (camera_id, end_ms);

-- The desired state of each agent, as last rendered and signed.
CREATE TABLE desired (
    agent_id        TEXT   NOT NULL PRIMARY KEY REFERENCES agent (agent_id),
    -- Only rises, and only when the content changes.
    generation      BIGINT NOT NULL CHECK (generation >= 1),
    -- Over the ordered part digests: same content, same generation.
    content_digest  TEXT   NOT NULL,
    -- The signed envelope exactly as published.
    envelope        TEXT   NOT NULL,
    -- Of the signed payload bytes: what the agent reports back.
    payload_digest  TEXT   NOT NULL,
    issued_ms       BIGINT NOT NULL,
    -- agent.policy_version it was made from.
    rendered_from   BIGINT NOT NULL,
    -- Session it was last published in; 0 for none.
    published_session BIGINT NOT NULL DEFAULT 0,
    published_ms    BIGINT
);

-- Exact bytes of the parts a current desired state names, for those too large to ride inline.
CREATE TABLE desired_part (
    agent_id    TEXT   NOT NULL REFERENCES agent (agent_id),
    digest      TEXT   NOT NULL,
    bytes       BYTEA  NOT NULL,
    PRIMARY KEY (agent_id, digest)
);

-- What each agent says it has applied.
CREATE TABLE reported (
    agent_id    TEXT   NOT NULL PRIMARY KEY REFERENCES agent (agent_id),
    session     BIGINT NOT NULL,
    generation  BIGINT NOT NULL,
    -- '' before the first.
    digest      TEXT   NOT NULL,
    received_ms BIGINT NOT NULL,
    -- The message, JSON.
    body        TEXT   NOT NULL
);

-- How far each outbox epoch and class is committed without a break being open: what dn/received says.
CREATE TABLE fact_mark (
    agent_id    TEXT   NOT NULL,
    epoch       TEXT   NOT NULL,
    class       TEXT   NOT NULL CHECK (length(class) BETWEEN 1 AND 32),
    through     BIGINT NOT NULL CHECK (through >= 0),
    updated_ms  BIGINT NOT NULL,
    PRIMARY KEY (agent_id, epoch, class)
);

-- Numbers that never came although later ones did: lost facts, said aloud.
CREATE TABLE fact_hole (
    agent_id    TEXT   NOT NULL,
    epoch       TEXT   NOT NULL,
    class       TEXT   NOT NULL,
    first       BIGINT NOT NULL CHECK (first >= 1),
    last        BIGINT NOT NULL CHECK (last >= first),
    noticed_ms  BIGINT NOT NULL,
    PRIMARY KEY (agent_id, epoch, class, first)
);

-- Facts other than gaps, chain heads and health, word for word.
CREATE TABLE fact (
    agent_id    TEXT   NOT NULL,
    -- Names the ledger entry it tells of; the same fact from a new outbox epoch is known by it.
    origin      TEXT   NOT NULL CHECK (length(origin) BETWEEN 1 AND 200),
    class       TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    epoch       TEXT   NOT NULL,
    number      BIGINT NOT NULL CHECK (number >= 1),
    at_ms       BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    body        TEXT   NOT NULL,
    PRIMARY KEY (agent_id, origin)
);
CREATE INDEX fact_kind ON fact (kind, at_ms);

-- Holes in a camera stream, from gap facts.
CREATE TABLE gap (
    agent_id    TEXT   NOT NULL,
    origin      TEXT   NOT NULL CHECK (length(origin) BETWEEN 1 AND 200),
    camera_id   TEXT   NOT NULL,
    stream      TEXT   NOT NULL CHECK (stream IN ('main', 'sub')),
    start_ms    BIGINT NOT NULL,
    end_ms      BIGINT NOT NULL CHECK (start_ms <= end_ms),
    cause       TEXT   NOT NULL,
    detail      TEXT   NOT NULL DEFAULT '',
    received_ms BIGINT NOT NULL,
    PRIMARY KEY (agent_id, origin)
);
CREATE INDEX gap_camera ON gap (camera_id, stream, end_ms);

-- Stretches of footage an agent holds, from chain-head facts.
CREATE TABLE footage_span (
    agent_id        TEXT   NOT NULL,
    origin          TEXT   NOT NULL CHECK (length(origin) BETWEEN 1 AND 200),
    camera_id       TEXT   NOT NULL,
    stream          TEXT   NOT NULL CHECK (stream IN ('main', 'sub')),
    run             TEXT   NOT NULL,
    first_sequence  BIGINT NOT NULL CHECK (first_sequence >= 0),
    last_sequence   BIGINT NOT NULL CHECK (last_sequence >= first_sequence),
    start_ms        BIGINT NOT NULL,
    end_ms          BIGINT NOT NULL CHECK (start_ms <= end_ms),
    bytes           BIGINT NOT NULL CHECK (bytes >= 0),
    -- Digest the chain has reached.
    head            TEXT   NOT NULL,
    -- JSON list of at most 60 integers.
    activity        TEXT   NOT NULL,
    received_ms     BIGINT NOT NULL,
    PRIMARY KEY (agent_id, origin)
);
CREATE INDEX footage_span_camera ON footage_span (camera_id, stream, end_ms);

-- What could not be read, word for word. Bounded per agent; what is above the bound is only counted.
CREATE TABLE quarantine (
    quarantine_id TEXT NOT NULL PRIMARY KEY,
    agent_id    TEXT   NOT NULL,
    topic       TEXT   NOT NULL,
    reason      TEXT   NOT NULL,
    received_ms BIGINT NOT NULL,
    body        BYTEA  NOT NULL
);
CREATE INDEX quarantine_agent ON quarantine (agent_id, received_ms);

-- Refusals, first and count, one row per agent, subject, reason and hour.
CREATE TABLE refusal (
    agent_id    TEXT   NOT NULL,
    -- What was refused: connect, publish, subscribe, fact, pull, enrol, …
    what        TEXT   NOT NULL,
    refusal     TEXT   NOT NULL,
    -- Start of the hour.
    hour_ms     BIGINT NOT NULL,
    first_ms    BIGINT NOT NULL,
    last_ms     BIGINT NOT NULL,
    count       BIGINT NOT NULL CHECK (count >= 1),
    -- Of the first.
    detail      TEXT   NOT NULL,
    PRIMARY KEY (agent_id, what, refusal, hour_ms)
);

-- The newest health sample of each agent.
CREATE TABLE health_latest (
    agent_id    TEXT   NOT NULL PRIMARY KEY,
    at_ms       BIGINT NOT NULL,
    received_ms BIGINT NOT NULL,
    body        TEXT   NOT NULL
);

-- Health in packed stretches of five minutes; never a row per sample.
CREATE TABLE health_chunk (
    agent_id    TEXT   NOT NULL,
    -- Start of the five minutes.
    chunk_ms    BIGINT NOT NULL CHECK (chunk_ms % 300000 = 0),
    samples     BIGINT NOT NULL CHECK (samples >= 1),
    -- Version byte 1, then zlib over a JSON list of samples in order of time.
    data        BYTEA  NOT NULL,
    PRIMARY KEY (agent_id, chunk_ms)
);

-- The newest state of each camera stream.
CREATE TABLE camera_status (
    camera_id   TEXT   NOT NULL,
    stream      TEXT   NOT NULL CHECK (stream IN ('main', 'sub')),
    agent_id    TEXT   NOT NULL,
    received_ms BIGINT NOT NULL,
    body        TEXT   NOT NULL,
    PRIMARY KEY (camera_id, stream)
);

-- One request for footage and its life. The order to the agent has the same id.
CREATE TABLE pull (
    order_id        TEXT   NOT NULL PRIMARY KEY,
    agent_id        TEXT   NOT NULL REFERENCES agent (agent_id),
    camera_id       TEXT   NOT NULL REFERENCES camera (camera_id),
    stream          TEXT   NOT NULL CHECK (stream IN ('main', 'sub')),
    rendition       TEXT   NOT NULL CHECK (rendition IN ('original', 'preview')),
    start_ms        BIGINT NOT NULL,
    end_ms          BIGINT NOT NULL,
    reason          TEXT   NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    person_id       TEXT   NOT NULL,
    -- requested > approved > pulling > received > sealed; or refused, failed, expired.
    state           TEXT   NOT NULL CHECK (state IN
                    ('requested', 'approved', 'pulling', 'received', 'sealed', 'refused', 'failed', 'expired')),
    -- Refusal word, when refused or failed.
    refusal         TEXT,
    detail          TEXT   NOT NULL DEFAULT '',
    created_ms      BIGINT NOT NULL,
    changed_ms      BIGINT NOT NULL,
    -- Not finished by then: expired.
    expires_ms      BIGINT NOT NULL,
    -- Last sign of progress from the agent.
    progress_ms     BIGINT NOT NULL,
    -- Session the order was last published in; 0 for none. A new session gets it anew, with that session's nonce.
    ordered_session BIGINT NOT NULL DEFAULT 0,
    -- Signed manifest exactly as the agent gave it; NULL before.
    manifest        TEXT,
    bytes_total     BIGINT NOT NULL DEFAULT 0,
    bytes_received  BIGINT NOT NULL DEFAULT 0,
    sealed_ms       BIGINT,
    CHECK (start_ms < end_ms),
    CHECK (bytes_received <= bytes_total),
    CHECK ((state = 'sealed') = (sealed_ms IS NOT NULL)),
    CHECK (state NOT IN ('received', 'sealed') OR manifest IS NOT NULL)
);
CREATE INDEX pull_open ON pull (agent_id, created_ms) WHERE state IN ('requested', 'approved', 'pulling', 'received');
CREATE INDEX pull_camera ON pull (camera_id, created_ms);

-- One segment (or part of one) of a pull, in order of time.
CREATE TABLE pull_segment (
    order_id        TEXT   NOT NULL REFERENCES pull (order_id),
    ordinal         BIGINT NOT NULL CHECK (ordinal >= 0),
    -- `<run>-<sequence>`: its name in URLs and in the vault.
    short           TEXT   NOT NULL,
    bytes_total     BIGINT NOT NULL CHECK (bytes_total > 0),
    -- Durable: in a file that was fsynced before this row said so.
    bytes_received  BIGINT NOT NULL DEFAULT 0 CHECK (bytes_received BETWEEN 0 AND bytes_total),
    -- Of the composed file, once sealed.
    sealed_digest   TEXT,
    -- JSON ManifestSegment.
    body            TEXT   NOT NULL,
    PRIMARY KEY (order_id, ordinal),
    UNIQUE (order_id, short)
);

-- One look at footage by one person. Durable before the first byte is shown.
CREATE TABLE footage_view (
    view_id     TEXT   NOT NULL PRIMARY KEY,
    order_id    TEXT   NOT NULL REFERENCES pull (order_id),
    person_id   TEXT   NOT NULL,
    reason      TEXT   NOT NULL CHECK (length(reason) BETWEEN 1 AND 1000),
    created_ms  BIGINT NOT NULL
);

-- An enrolment token: single use, short-lived, bound to a site, kept as a hash.
CREATE TABLE token (
    token_id    TEXT   NOT NULL PRIMARY KEY,
    site_id     TEXT   NOT NULL REFERENCES site (site_id),
    -- SHA-256 of the secret's text.
    hash        BYTEA  NOT NULL,
    created_ms  BIGINT NOT NULL,
    expires_ms  BIGINT NOT NULL,
    -- Pseudonym of who made it; '' at the command line.
    person_id   TEXT   NOT NULL,
    used_ms     BIGINT,
    -- The agent it became.
    agent_id    TEXT,
    CHECK (created_ms < expires_ms),
    CHECK ((used_ms IS NULL) = (agent_id IS NULL))
);
CREATE UNIQUE INDEX token_hash ON token (hash);

-- The one-time link by which the first administrator comes in. No default password exists.
CREATE TABLE setup_link (
    hash        BYTEA  NOT NULL PRIMARY KEY,
    created_ms  BIGINT NOT NULL,
    expires_ms  BIGINT NOT NULL,
    used_ms     BIGINT
);

-- A person, by pseudonym. The name is sealed under a key of the person's own (person_key): without that row nobody can
-- read it again, and the journal, which knows pseudonyms only, need not be rewritten.
CREATE TABLE person (
    person_id       TEXT   NOT NULL PRIMARY KEY,
    -- JSON Sealed name; bound to the person id.
    name_sealed     TEXT   NOT NULL,
    -- PHC string (Argon2id).
    password_hash   TEXT   NOT NULL,
    created_ms      BIGINT NOT NULL,
    disabled_ms     BIGINT
);
CREATE TABLE person_key (
    person_id   TEXT   NOT NULL PRIMARY KEY REFERENCES person (person_id),
    -- 32 bytes: opens the name.
    key         BYTEA  NOT NULL,
    -- SHA-256 of the hub's session key and the lower-case name: finds the row at sign-in.
    name_lookup BYTEA  NOT NULL UNIQUE
);

-- A person's session in a browser.
CREATE TABLE session (
    -- SHA-256 of the cookie's secret.
    hash        BYTEA  NOT NULL PRIMARY KEY,
    person_id   TEXT   NOT NULL REFERENCES person (person_id),
    created_ms  BIGINT NOT NULL,
    seen_ms     BIGINT NOT NULL,
    expires_ms  BIGINT NOT NULL,
    CHECK (created_ms < expires_ms)
);
CREATE INDEX session_person ON session (person_id);

-- Journal entries that are durable but not yet in order. Written in the transaction of the deed they tell of.
CREATE TABLE journal_pending (
    entry_id    TEXT   NOT NULL PRIMARY KEY,
    -- The leaf: canonical JSON, its final bytes.
    leaf        BYTEA  NOT NULL
);

-- The journal: append-only, positions without holes, leaves of an RFC 6962 tree.
CREATE TABLE journal (
    position    BIGINT NOT NULL PRIMARY KEY CHECK (position >= 0),
    entry_id    TEXT   NOT NULL UNIQUE,
    -- SHA-256(0x00 || leaf).
    leaf_hash   BYTEA  NOT NULL,
    leaf        BYTEA  NOT NULL
);

-- Size and root of the tree after each batch, signed once the batch is committed.
CREATE TABLE journal_checkpoint (
    size        BIGINT NOT NULL PRIMARY KEY CHECK (size >= 1),
    -- Right-most complete subtrees, largest first, 32 bytes each: where the next batch goes on.
    frontier    BYTEA  NOT NULL,
    root        BYTEA  NOT NULL,
    at_ms       BIGINT NOT NULL,
    -- C2SP tlog-checkpoint with the log key's signature; NULL in the moment between commit and signature.
    note        TEXT
);

-- Which rows changed, for whoever keeps a picture of them in memory: the running hub follows this to notice what the
-- command line did. Pruned after a day, never the last row.
CREATE TABLE change (
    number      BIGINT NOT NULL PRIMARY KEY CHECK (number >= 1),
    kind        TEXT   NOT NULL CHECK (kind IN ('site', 'agent', 'camera', 'pull')),
    object      TEXT   NOT NULL,
    at_ms       BIGINT NOT NULL
);
