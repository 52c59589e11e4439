CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)

CREATE TABLE attempts (
	id INTEGER NOT NULL,
	job_id BIGINT NOT NULL,
	step VARCHAR(16) NOT NULL,
	service VARCHAR(64) NOT NULL,
	model VARCHAR(192) NOT NULL,
	status INTEGER,
	request_id VARCHAR(128),
	duration_ms INTEGER NOT NULL,
	outcome VARCHAR(32) NOT NULL,
	detail TEXT,
	at DATETIME NOT NULL, user_id BIGINT, group_id BIGINT, pictures INTEGER DEFAULT '0' NOT NULL, tokens_in INTEGER DEFAULT '0' NOT NULL, tokens_out INTEGER DEFAULT '0' NOT NULL, cost BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_attempts PRIMARY KEY (id)
)

CREATE INDEX ix_attempts_job_id ON attempts (job_id)

CREATE TABLE circuits (
	provider VARCHAR(64) NOT NULL,
	model VARCHAR(192) NOT NULL,
	failures INTEGER NOT NULL,
	openings INTEGER NOT NULL,
	open_until DATETIME,
	on_trial BOOLEAN NOT NULL,
	CONSTRAINT pk_circuits PRIMARY KEY (provider, model)
)

CREATE TABLE jobs (
	id INTEGER NOT NULL,
	bot_id BIGINT NOT NULL,
	chat_id BIGINT NOT NULL,
	message_id BIGINT NOT NULL,
	topic_id BIGINT,
	private BOOLEAN NOT NULL,
	request_key VARCHAR(64) NOT NULL,
	number INTEGER NOT NULL,
	pictures INTEGER NOT NULL,
	parent_id BIGINT,
	origin VARCHAR(255),
	user_id BIGINT NOT NULL,
	language VARCHAR(35) NOT NULL,
	idea TEXT NOT NULL,
	parameters JSON NOT NULL,
	state VARCHAR(16) NOT NULL,
	stage VARCHAR(16) NOT NULL,
	turn DOUBLE NOT NULL,
	claims INTEGER DEFAULT '0' NOT NULL,
	failures INTEGER DEFAULT '0' NOT NULL,
	losses INTEGER DEFAULT '0' NOT NULL,
	worker VARCHAR(64),
	lease_until DATETIME,
	not_before DATETIME,
	estimate_s DOUBLE,
	deadline DATETIME,
	reason VARCHAR(32),
	prompt TEXT,
	negative_prompt TEXT,
	title TEXT,
	idea_language VARCHAR(35),
	chat_model VARCHAR(128),
	image_model VARCHAR(192),
	provider VARCHAR(64),
	seed BIGINT,
	recipe JSON,
	handle JSON,
	image_key VARCHAR(255),
	media_type VARCHAR(64),
	created_at DATETIME NOT NULL,
	started_at DATETIME,
	ended_at DATETIME,
	status_message_id BIGINT,
	status_shown VARCHAR(64),
	delivery_lease_until DATETIME,
	delivery_not_before DATETIME,
	delivery_tries INTEGER DEFAULT '0' NOT NULL,
	sending_since DATETIME,
	sending_before DATETIME,
	delivered_at DATETIME,
	delivered_message_id BIGINT,
	file_id VARCHAR(255), writing JSON, picture_key VARCHAR(255), picture_type VARCHAR(64), batch_id BIGINT, undelivered_reason TEXT, status_sending_since DATETIME, status_after BIGINT, subject TEXT, owner_pays BOOLEAN DEFAULT true NOT NULL, estimate BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_jobs PRIMARY KEY (id),
	CONSTRAINT uq_jobs_bot_id_chat_id_request_key_number UNIQUE (bot_id, chat_id, request_key, number)
)

CREATE INDEX ix_jobs_claimed_turn ON jobs (turn) WHERE started_at IS NOT NULL

CREATE INDEX ix_jobs_queued ON jobs (turn, id) WHERE state = 'queued'

CREATE INDEX ix_jobs_user ON jobs (user_id, id)

CREATE INDEX ix_jobs_waiting ON jobs (not_before) WHERE state = 'waiting'

CREATE INDEX ix_jobs_working ON jobs (lease_until) WHERE state = 'working'

CREATE TABLE stages (
	id INTEGER NOT NULL,
	job_id BIGINT NOT NULL,
	stage VARCHAR(16) NOT NULL,
	at DATETIME NOT NULL,
	CONSTRAINT pk_stages PRIMARY KEY (id)
)

CREATE INDEX ix_stages_job_id ON stages (job_id)

CREATE TABLE updates (
	bot_id BIGINT NOT NULL,
	update_id BIGINT NOT NULL,
	body TEXT NOT NULL,
	readable BOOLEAN NOT NULL,
	tries INTEGER DEFAULT '0' NOT NULL,
	received_at DATETIME NOT NULL,
	handled_at DATETIME, chat_id BIGINT, message_id BIGINT, part_of BIGINT, joined_at DATETIME,
	CONSTRAINT pk_updates PRIMARY KEY (bot_id, update_id)
)

CREATE INDEX ix_updates_unhandled ON updates (bot_id, update_id) WHERE handled_at IS NULL

CREATE TABLE users (
	id BIGINT NOT NULL,
	language VARCHAR(35) NOT NULL,
	settings JSON DEFAULT '{}' NOT NULL,
	last_turn DOUBLE DEFAULT '0' NOT NULL,
	created_at DATETIME NOT NULL, last_batch_turn DOUBLE DEFAULT '0' NOT NULL, last_question_turn DOUBLE DEFAULT '0' NOT NULL,
	CONSTRAINT pk_users PRIMARY KEY (id)
)

CREATE TABLE batches (
	id INTEGER NOT NULL,
	source VARCHAR(16) NOT NULL,
	bot_id BIGINT NOT NULL,
	chat_id BIGINT NOT NULL,
	message_id BIGINT NOT NULL,
	topic_id BIGINT,
	private BOOLEAN NOT NULL,
	request_key VARCHAR(255) NOT NULL,
	user_id BIGINT NOT NULL,
	language VARCHAR(35) NOT NULL,
	requests JSON NOT NULL,
	pictures INTEGER NOT NULL,
	way VARCHAR(16) NOT NULL,
	state VARCHAR(16) NOT NULL,
	created_at DATETIME NOT NULL,
	started_at DATETIME,
	ended_at DATETIME,
	status_message_id BIGINT,
	status_shown TEXT,
	delivery_lease_until DATETIME,
	delivery_not_before DATETIME,
	delivery_tries INTEGER DEFAULT '0' NOT NULL,
	delivered_at DATETIME, sending JSON, witness JSON, undelivered_reason TEXT, status_sending_since DATETIME, status_after BIGINT, owner_pays BOOLEAN DEFAULT true NOT NULL, unwritten INTEGER DEFAULT '0' NOT NULL, picture_cost BIGINT DEFAULT '0' NOT NULL, writing_cost BIGINT DEFAULT '0' NOT NULL, estimate BIGINT DEFAULT '0' NOT NULL, skipped JSON, without_buttons JSON,
	CONSTRAINT pk_batches PRIMARY KEY (id),
	CONSTRAINT uq_batches_bot_id_chat_id_request_key UNIQUE (bot_id, chat_id, request_key)
)

CREATE INDEX ix_batches_open ON batches (id) WHERE delivered_at IS NULL

CREATE INDEX ix_batches_user ON batches (user_id, id)

CREATE TABLE conversations (
	id INTEGER NOT NULL,
	bot_id BIGINT NOT NULL,
	chat_id BIGINT NOT NULL,
	topic_id BIGINT DEFAULT '0' NOT NULL,
	begins_after BIGINT DEFAULT '0' NOT NULL,
	summary TEXT,
	summarised_until BIGINT DEFAULT '0' NOT NULL,
	created_at DATETIME NOT NULL,
	CONSTRAINT pk_conversations PRIMARY KEY (id),
	CONSTRAINT uq_conversations_bot_id_chat_id_topic_id UNIQUE (bot_id, chat_id, topic_id)
)

CREATE TABLE errands (
	id INTEGER NOT NULL,
	kind VARCHAR(16) NOT NULL,
	bot_id BIGINT NOT NULL,
	chat_id BIGINT NOT NULL,
	message_id BIGINT NOT NULL,
	topic_id BIGINT,
	private BOOLEAN NOT NULL,
	request_key VARCHAR(64) NOT NULL,
	user_id BIGINT NOT NULL,
	language VARCHAR(35) NOT NULL,
	conversation_id BIGINT,
	question JSON NOT NULL,
	writing JSON,
	state VARCHAR(16) NOT NULL,
	claims INTEGER DEFAULT '0' NOT NULL,
	failures INTEGER DEFAULT '0' NOT NULL,
	losses INTEGER DEFAULT '0' NOT NULL,
	worker VARCHAR(64),
	lease_until DATETIME,
	not_before DATETIME,
	deadline DATETIME,
	reason VARCHAR(32),
	stop_asked BOOLEAN DEFAULT false NOT NULL,
	answer TEXT,
	result JSON,
	chat_model VARCHAR(128),
	tokens_in INTEGER,
	tokens_out INTEGER,
	created_at DATETIME NOT NULL,
	started_at DATETIME,
	ended_at DATETIME,
	shown JSON,
	delivery_lease_until DATETIME,
	delivery_not_before DATETIME,
	delivery_tries INTEGER DEFAULT '0' NOT NULL,
	delivered_at DATETIME, undelivered_reason TEXT, status_sending_since DATETIME, status_after BIGINT, turn DOUBLE DEFAULT '0' NOT NULL, owner_tokens INTEGER DEFAULT '0' NOT NULL, cost BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_errands PRIMARY KEY (id),
	CONSTRAINT uq_errands_bot_id_chat_id_kind_request_key UNIQUE (bot_id, chat_id, kind, request_key)
)

CREATE INDEX ix_errands_conversation ON errands (conversation_id, id) WHERE conversation_id IS NOT NULL

CREATE INDEX ix_errands_outbox ON errands (id) WHERE delivered_at IS NULL

CREATE INDEX ix_errands_user ON errands (user_id, id)

CREATE INDEX ix_errands_waiting ON errands (not_before) WHERE state = 'waiting'

CREATE INDEX ix_errands_working ON errands (lease_until) WHERE state = 'working'

CREATE TABLE keys (
	user_id BIGINT NOT NULL,
	service VARCHAR(16) NOT NULL,
	sealed TEXT NOT NULL,
	last_four VARCHAR(4) NOT NULL,
	state VARCHAR(16) NOT NULL,
	created_at DATETIME NOT NULL,
	checked_at DATETIME,
	checks INTEGER DEFAULT '0' NOT NULL,
	not_before DATETIME,
	bot_id BIGINT,
	message_id BIGINT,
	language VARCHAR(35) DEFAULT 'en' NOT NULL,
	shown VARCHAR(16),
	CONSTRAINT pk_keys PRIMARY KEY (user_id, service)
)

CREATE TABLE models (
	kind VARCHAR(8) NOT NULL,
	id VARCHAR(192) NOT NULL,
	place INTEGER NOT NULL,
	card JSON NOT NULL,
	seen_at DATETIME NOT NULL,
	CONSTRAINT pk_models PRIMARY KEY (kind, id)
)

CREATE INDEX ix_jobs_batch ON jobs (batch_id, id) WHERE batch_id IS NOT NULL

CREATE INDEX ix_jobs_delivered ON jobs (chat_id, delivered_message_id) WHERE delivered_message_id IS NOT NULL

CREATE INDEX ix_jobs_held ON jobs (user_id, turn) WHERE state = 'held' AND batch_id IS NULL

CREATE INDEX ix_jobs_held_in_batch ON jobs (batch_id, turn) WHERE state = 'held' AND batch_id IS NOT NULL

CREATE INDEX ix_jobs_in_group ON jobs (chat_id) WHERE NOT private AND batch_id IS NULL AND state IN ('held', 'queued', 'working', 'waiting')

CREATE INDEX ix_jobs_in_flight ON jobs (user_id) WHERE state IN ('queued', 'working', 'waiting')

CREATE INDEX ix_jobs_queued_alone ON jobs (turn, id) WHERE state = 'queued' AND batch_id IS NULL

CREATE UNIQUE INDEX uq_jobs_under_way ON jobs (parent_id, origin) WHERE parent_id IS NOT NULL AND number = 0 AND state IN ('held', 'queued', 'working', 'waiting')

CREATE INDEX ix_jobs_outbox ON jobs (ended_at) WHERE delivered_at IS NULL AND batch_id IS NULL AND state IN ('finished', 'failed', 'cancelled')

CREATE TABLE workers (
	name VARCHAR(64) NOT NULL,
	slots INTEGER NOT NULL,
	alive_until DATETIME NOT NULL, lock_key INTEGER,
	CONSTRAINT pk_workers PRIMARY KEY (name)
)

CREATE INDEX ix_jobs_held_alone ON jobs (turn, id) WHERE state = 'held' AND batch_id IS NULL

CREATE INDEX ix_jobs_ended ON jobs (ended_at) WHERE state IN ('finished', 'failed')

CREATE TABLE moved_chats (
	chat_id BIGINT NOT NULL,
	moved_to BIGINT NOT NULL,
	CONSTRAINT pk_moved_chats PRIMARY KEY (chat_id)
)

CREATE INDEX ix_jobs_status_sending ON jobs (status_sending_since) WHERE status_sending_since IS NOT NULL

CREATE TABLE removals (
	id INTEGER NOT NULL,
	bot_id BIGINT NOT NULL,
	chat_id BIGINT NOT NULL,
	message_id BIGINT,
	work VARCHAR(8) NOT NULL,
	work_id BIGINT NOT NULL,
	language VARCHAR(35) NOT NULL,
	"after" BIGINT,
	since DATETIME NOT NULL,
	tries INTEGER DEFAULT '0' NOT NULL,
	not_before DATETIME NOT NULL,
	CONSTRAINT pk_removals PRIMARY KEY (id)
)

CREATE INDEX ix_removals_due ON removals (bot_id, not_before)

CREATE INDEX ix_updates_message ON updates (chat_id, message_id) WHERE message_id IS NOT NULL

CREATE TABLE open_questions (
	bot_id BIGINT NOT NULL,
	chat_id BIGINT NOT NULL,
	topic_id BIGINT NOT NULL,
	kind VARCHAR(16) NOT NULL,
	about JSON NOT NULL,
	asked_at DATETIME NOT NULL,
	CONSTRAINT pk_open_questions PRIMARY KEY (bot_id, chat_id, topic_id)
)

CREATE TABLE edit_hints (
	bot_id BIGINT NOT NULL,
	chat_id BIGINT NOT NULL,
	message_id BIGINT NOT NULL,
	at DATETIME NOT NULL,
	CONSTRAINT pk_edit_hints PRIMARY KEY (bot_id, chat_id, message_id)
)

CREATE TABLE flood_waits (
	bot_id BIGINT NOT NULL,
	"key" VARCHAR(255) NOT NULL,
	until DATETIME NOT NULL,
	CONSTRAINT pk_flood_waits PRIMARY KEY (bot_id, "key")
)

CREATE INDEX ix_errands_queued ON errands (turn, id) WHERE state = 'queued'

CREATE INDEX ix_errands_held ON errands (user_id, turn) WHERE state = 'held'

CREATE INDEX ix_errands_in_flight ON errands (user_id) WHERE state IN ('queued', 'working', 'waiting')

CREATE INDEX ix_errands_in_group ON errands (chat_id) WHERE NOT private AND state IN ('held', 'queued', 'working', 'waiting')

CREATE INDEX ix_errands_open ON errands (conversation_id, id) WHERE conversation_id IS NOT NULL AND state IN ('held', 'queued', 'working', 'waiting')

CREATE INDEX ix_errands_claimed_turn ON errands (turn) WHERE started_at IS NOT NULL

CREATE TABLE access (
	bot_id BIGINT NOT NULL,
	id BIGINT NOT NULL,
	role VARCHAR(16) NOT NULL,
	name VARCHAR(128) NOT NULL,
	username VARCHAR(64),
	language VARCHAR(35) NOT NULL,
	noted_at DATETIME NOT NULL,
	told_at DATETIME,
	asked_at DATETIME,
	cards JSON,
	decided_at DATETIME,
	decided_by BIGINT,
	leave_at DATETIME,
	CONSTRAINT pk_access PRIMARY KEY (bot_id, id)
)

CREATE INDEX ix_access_leave_at ON access (leave_at) WHERE leave_at IS NOT NULL

CREATE TABLE access_links (
	bot_id BIGINT NOT NULL,
	digest VARCHAR(64) NOT NULL,
	kind VARCHAR(8) NOT NULL,
	uses_left INTEGER NOT NULL,
	created_at DATETIME NOT NULL,
	created_by BIGINT,
	expires_at DATETIME NOT NULL,
	CONSTRAINT pk_access_links PRIMARY KEY (bot_id, digest)
)

CREATE TABLE sent_files (
	"key" VARCHAR(255) NOT NULL,
	user_id BIGINT NOT NULL,
	bytes BIGINT NOT NULL,
	kept_at DATETIME NOT NULL,
	is_refused BOOLEAN DEFAULT false NOT NULL,
	leased_until DATETIME,
	gone_at DATETIME,
	CONSTRAINT pk_sent_files PRIMARY KEY ("key")
)

CREATE INDEX ix_sent_files_user_id_kept_at ON sent_files (user_id, kept_at)

CREATE INDEX ix_sent_files_kept_at ON sent_files (kept_at)

CREATE INDEX ix_sent_files_refused ON sent_files ("key") WHERE is_refused AND gone_at IS NULL

CREATE INDEX ix_jobs_picture ON jobs (picture_key) WHERE picture_key IS NOT NULL

CREATE INDEX ix_batches_asked ON batches (user_id, id) WHERE state = 'asked'

CREATE INDEX ix_jobs_reserved ON jobs (user_id) WHERE owner_pays AND state IN ('held', 'queued', 'working', 'waiting')

CREATE INDEX ix_jobs_reserved_in_group ON jobs (chat_id) WHERE NOT private AND owner_pays AND state IN ('held', 'queued', 'working', 'waiting')

CREATE INDEX ix_batches_unwritten ON batches (user_id) WHERE unwritten > 0

CREATE INDEX ix_jobs_estimate ON jobs (estimate) WHERE estimate > 0 AND state IN ('held', 'queued', 'working', 'waiting')

CREATE INDEX ix_errands_paid ON errands (user_id, ended_at) WHERE owner_tokens > 0

CREATE TABLE spending (
	day DATE NOT NULL,
	part INTEGER NOT NULL,
	cost BIGINT NOT NULL,
	CONSTRAINT pk_spending PRIMARY KEY (day, part)
)

CREATE TABLE alerts (
	kind VARCHAR(32) NOT NULL,
	period DATE NOT NULL,
	noted_at DATETIME NOT NULL,
	told_at DATETIME,
	CONSTRAINT pk_alerts PRIMARY KEY (kind, period)
)

CREATE INDEX ix_alerts_untold ON alerts (noted_at) WHERE told_at IS NULL

CREATE INDEX ix_attempts_paid ON attempts (user_id, at, pictures) WHERE user_id IS NOT NULL

CREATE INDEX ix_attempts_paid_in_group ON attempts (group_id, at, pictures) WHERE group_id IS NOT NULL

CREATE INDEX ix_attempts_at ON attempts (at)

CREATE TABLE broadcasts (
	id INTEGER NOT NULL,
	bot_id BIGINT NOT NULL,
	text TEXT NOT NULL,
	state VARCHAR(16) NOT NULL,
	asked_by BIGINT,
	people INTEGER NOT NULL,
	chat_id BIGINT,
	message_id BIGINT,
	created_at DATETIME NOT NULL,
	started_at DATETIME,
	ended_at DATETIME,
	CONSTRAINT pk_broadcasts PRIMARY KEY (id)
)

CREATE TABLE broadcast_receivers (
	broadcast_id BIGINT NOT NULL,
	user_id BIGINT NOT NULL,
	receipt VARCHAR(16) NOT NULL,
	since DATETIME,
	CONSTRAINT pk_broadcast_receivers PRIMARY KEY (broadcast_id, user_id)
)

CREATE INDEX ix_broadcasts_bot_id ON broadcasts (bot_id, state)

CREATE INDEX ix_jobs_kept_in_group ON jobs (chat_id, id) WHERE NOT private AND (image_key IS NOT NULL OR file_id IS NOT NULL)

CREATE TABLE picture_terms (
	job_id INTEGER NOT NULL,
	terms TEXT NOT NULL,
	CONSTRAINT pk_picture_terms PRIMARY KEY (job_id)
)

CREATE TABLE favourites (
	owner_id BIGINT NOT NULL,
	job_id BIGINT NOT NULL,
	at DATETIME NOT NULL,
	CONSTRAINT pk_favourites PRIMARY KEY (owner_id, job_id)
)

CREATE INDEX ix_favourites_job_id ON favourites (job_id)

CREATE TABLE history_views (
	id INTEGER NOT NULL,
	bot_id BIGINT NOT NULL,
	chat_id BIGINT NOT NULL,
	user_id BIGINT NOT NULL,
	search TEXT NOT NULL,
	favourites BOOLEAN NOT NULL,
	model VARCHAR(192),
	here BOOLEAN NOT NULL,
	at DATETIME NOT NULL,
	CONSTRAINT pk_history_views PRIMARY KEY (id)
)

CREATE INDEX ix_history_views_user_id ON history_views (user_id, at)

CREATE VIRTUAL TABLE picture_terms_index USING fts5(
    terms, content='picture_terms', content_rowid='job_id', columnsize=0,
    tokenize="unicode61 remove_diacritics 0 categories 'L* N* Co M*' tokenchars '_'"
)

CREATE TRIGGER picture_terms_added AFTER INSERT ON picture_terms BEGIN
    INSERT INTO picture_terms_index (rowid, terms) VALUES (new.job_id, new.terms);
END

CREATE TRIGGER picture_terms_removed AFTER DELETE ON picture_terms BEGIN
    INSERT INTO picture_terms_index (picture_terms_index, rowid, terms) VALUES ('delete', old.job_id, old.terms);
END

CREATE TABLE inline_ideas (
	bot_id BIGINT NOT NULL,
	user_id BIGINT NOT NULL,
	code VARCHAR(16) NOT NULL,
	idea TEXT NOT NULL,
	at DATETIME NOT NULL,
	CONSTRAINT pk_inline_ideas PRIMARY KEY (bot_id, user_id, code)
)

CREATE INDEX ix_jobs_original ON jobs (ended_at) WHERE image_key IS NOT NULL

CREATE INDEX ix_attempts_detail ON attempts (at) WHERE detail IS NOT NULL
