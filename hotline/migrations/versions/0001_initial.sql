-- Written by script/migration from the models. Do not edit.

CREATE SEQUENCE ticket_number_seq;

CREATE TABLE wechat_signature (
	signature_hash TEXT NOT NULL,
	body_hash TEXT NOT NULL,
	seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_wechat_signature PRIMARY KEY (signature_hash)
);

CREATE INDEX ix_wechat_signature_seen_at ON wechat_signature (seen_at);

CREATE TABLE event (
	id BIGSERIAL NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	name TEXT NOT NULL,
	subject TEXT NOT NULL,
	subject_id TEXT NOT NULL,
	seq BIGINT NOT NULL,
	actor_kind TEXT NOT NULL,
	actor_id BIGINT,
	actor_label TEXT NOT NULL,
	data JSONB NOT NULL,
	public BOOLEAN NOT NULL,
	previous_hash TEXT NOT NULL,
	hash TEXT NOT NULL,
	CONSTRAINT pk_event PRIMARY KEY (id),
	CONSTRAINT uq_event_subject_subject_id_seq UNIQUE (subject, subject_id, seq),
	CONSTRAINT ck_event_actor_kind CHECK (actor_kind IN ('staff', 'citizen', 'bot', 'system'))
);

CREATE INDEX ix_event_name_at ON event (name, at);

CREATE TABLE outbox (
	id BIGSERIAL NOT NULL,
	channel TEXT NOT NULL,
	kind TEXT NOT NULL,
	recipient TEXT NOT NULL,
	payload JSONB NOT NULL,
	dedupe_key TEXT NOT NULL,
	state TEXT NOT NULL,
	attempts BIGINT NOT NULL,
	not_before TIMESTAMP WITH TIME ZONE NOT NULL,
	leased_until TIMESTAMP WITH TIME ZONE,
	last_error TEXT,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	sent_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_outbox PRIMARY KEY (id),
	CONSTRAINT ck_outbox_state CHECK (state IN ('waiting', 'sent', 'parked')),
	CONSTRAINT uq_outbox_dedupe_key UNIQUE (dedupe_key)
);

CREATE INDEX ix_outbox_ready ON outbox (not_before) WHERE state = 'waiting';

CREATE TABLE calendar_day (
	day DATE NOT NULL,
	is_work BOOLEAN NOT NULL,
	name TEXT NOT NULL,
	CONSTRAINT pk_calendar_day PRIMARY KEY (day)
);

CREATE TABLE citizen (
	id BIGSERIAL NOT NULL,
	name_sealed BYTEA,
	phone_sealed BYTEA,
	phone_hash TEXT,
	phone_verified BOOLEAN NOT NULL,
	openid_sealed BYTEA,
	openid_hash TEXT,
	needs TEXT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_citizen PRIMARY KEY (id),
	CONSTRAINT uq_citizen_openid_hash UNIQUE (openid_hash)
);

CREATE INDEX ix_citizen_phone_hash ON citizen (phone_hash);

CREATE UNIQUE INDEX uq_citizen_verified_phone ON citizen (phone_hash) WHERE phone_verified IS true;

CREATE TABLE heartbeat (
	worker TEXT NOT NULL,
	role TEXT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	data JSONB NOT NULL,
	CONSTRAINT pk_heartbeat PRIMARY KEY (worker)
);

CREATE TABLE unit (
	id BIGSERIAL NOT NULL,
	code TEXT NOT NULL,
	name TEXT NOT NULL,
	parent_id BIGINT,
	level BIGINT NOT NULL,
	active BOOLEAN NOT NULL,
	CONSTRAINT pk_unit PRIMARY KEY (id),
	CONSTRAINT ck_unit_level CHECK (level BETWEEN 1 AND 3),
	CONSTRAINT uq_unit_code UNIQUE (code),
	CONSTRAINT uq_unit_name UNIQUE (name),
	CONSTRAINT fk_unit_parent_id FOREIGN KEY(parent_id) REFERENCES unit (id)
);

CREATE TABLE article (
	id BIGSERIAL NOT NULL,
	slug TEXT NOT NULL,
	version BIGINT NOT NULL,
	state TEXT NOT NULL,
	kind TEXT NOT NULL,
	title TEXT NOT NULL,
	scene TEXT NOT NULL,
	questions JSONB NOT NULL,
	spoken TEXT NOT NULL,
	body JSONB NOT NULL,
	unit_id BIGINT,
	sample_data BOOLEAN NOT NULL,
	checked_on DATE NOT NULL,
	valid_from DATE NOT NULL,
	valid_until DATE,
	search TSVECTOR NOT NULL,
	used_count BIGINT NOT NULL,
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_article PRIMARY KEY (id),
	CONSTRAINT ck_article_state CHECK (state IN ('editing', 'unit_review', 'centre_review', 'published', 'expired', 'recalled')),
	CONSTRAINT ck_article_validity CHECK (valid_until IS NULL OR valid_until >= valid_from),
	CONSTRAINT ck_article_spoken_length CHECK (char_length(spoken) BETWEEN 1 AND 300),
	CONSTRAINT uq_article_slug UNIQUE (slug),
	CONSTRAINT fk_article_unit_id FOREIGN KEY(unit_id) REFERENCES unit (id)
);

CREATE INDEX ix_article_published ON article (scene) WHERE state = 'published';

CREATE INDEX ix_article_search ON article USING gin (search);

CREATE TABLE staff (
	id BIGSERIAL NOT NULL,
	login TEXT NOT NULL,
	name TEXT NOT NULL,
	staff_number TEXT NOT NULL,
	role TEXT NOT NULL,
	unit_id BIGINT,
	line TEXT,
	password_hash TEXT NOT NULL,
	active BOOLEAN NOT NULL,
	failed_logins BIGINT NOT NULL,
	locked_until TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_staff PRIMARY KEY (id),
	CONSTRAINT ck_staff_role CHECK (role IN ('agent', 'dispatcher', 'clerk', 'chief', 'supervisor', 'callback', 'quality', 'editor', 'admin', 'leader')),
	CONSTRAINT ck_staff_unit_role_has_unit CHECK (role NOT IN ('clerk', 'chief') OR unit_id IS NOT NULL),
	CONSTRAINT uq_staff_login UNIQUE (login),
	CONSTRAINT uq_staff_staff_number UNIQUE (staff_number),
	CONSTRAINT fk_staff_unit_id FOREIGN KEY(unit_id) REFERENCES unit (id)
);

CREATE TABLE category (
	code TEXT NOT NULL,
	group_name TEXT NOT NULL,
	name TEXT NOT NULL,
	unit_id BIGINT NOT NULL,
	keywords TEXT NOT NULL,
	active BOOLEAN NOT NULL,
	CONSTRAINT pk_category PRIMARY KEY (code),
	CONSTRAINT ck_category_code CHECK (code ~ '^[0-9]{4}$'),
	CONSTRAINT fk_category_unit_id FOREIGN KEY(unit_id) REFERENCES unit (id)
);

CREATE TABLE article_version (
	id BIGSERIAL NOT NULL,
	article_id BIGINT NOT NULL,
	version BIGINT NOT NULL,
	content JSONB NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	author_id BIGINT,
	reviewer_id BIGINT,
	published_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_article_version PRIMARY KEY (id),
	CONSTRAINT uq_article_version_article_id_version UNIQUE (article_id, version),
	CONSTRAINT fk_article_version_article_id FOREIGN KEY(article_id) REFERENCES article (id) ON DELETE CASCADE,
	CONSTRAINT fk_article_version_author_id FOREIGN KEY(author_id) REFERENCES staff (id),
	CONSTRAINT fk_article_version_reviewer_id FOREIGN KEY(reviewer_id) REFERENCES staff (id)
);

CREATE TABLE unanswered_question (
	id BIGSERIAL NOT NULL,
	text TEXT NOT NULL,
	channel TEXT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	best_article_id BIGINT,
	best_score DOUBLE PRECISION NOT NULL,
	CONSTRAINT pk_unanswered_question PRIMARY KEY (id),
	CONSTRAINT fk_unanswered_question_best_article_id FOREIGN KEY(best_article_id) REFERENCES article (id)
);

CREATE INDEX ix_unanswered_question_at ON unanswered_question (at);

CREATE TABLE conversation (
	id UUID NOT NULL,
	channel TEXT NOT NULL,
	party_hash TEXT,
	citizen_id BIGINT,
	owner TEXT NOT NULL,
	agent_id BIGINT,
	draft JSONB,
	bot_state JSONB DEFAULT '{}' NOT NULL,
	ticket_id BIGINT,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
	queued_at TIMESTAMP WITH TIME ZONE,
	handover_reason TEXT,
	closed_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_conversation PRIMARY KEY (id),
	CONSTRAINT ck_conversation_channel CHECK (channel IN ('phone', 'wechat', 'web')),
	CONSTRAINT ck_conversation_owner CHECK (owner IN ('bot', 'queue', 'human', 'closed')),
	CONSTRAINT ck_conversation_human_has_agent CHECK ((owner = 'human') = (agent_id IS NOT NULL)),
	CONSTRAINT fk_conversation_citizen_id FOREIGN KEY(citizen_id) REFERENCES citizen (id),
	CONSTRAINT fk_conversation_agent_id FOREIGN KEY(agent_id) REFERENCES staff (id)
);

CREATE INDEX ix_conversation_waiting ON conversation (queued_at) WHERE owner IN ('queue', 'human');

CREATE UNIQUE INDEX uq_conversation_live_party ON conversation (channel, party_hash) WHERE owner <> 'closed' AND party_hash IS NOT NULL;

CREATE TABLE login_session (
	id BIGSERIAL NOT NULL,
	token_hash TEXT NOT NULL,
	user_id BIGINT NOT NULL,
	csrf_token TEXT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_login_session PRIMARY KEY (id),
	CONSTRAINT uq_login_session_token_hash UNIQUE (token_hash),
	CONSTRAINT fk_login_session_user_id FOREIGN KEY(user_id) REFERENCES staff (id) ON DELETE CASCADE
);

CREATE TABLE message (
	id BIGSERIAL NOT NULL,
	conversation_id UUID NOT NULL,
	external_id TEXT,
	author TEXT NOT NULL,
	text TEXT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	article_id BIGINT,
	article_version BIGINT,
	data JSONB DEFAULT '{}' NOT NULL,
	CONSTRAINT pk_message PRIMARY KEY (id),
	CONSTRAINT ck_message_author CHECK (author IN ('citizen', 'bot', 'agent', 'system')),
	CONSTRAINT uq_message_conversation_id_external_id UNIQUE (conversation_id, external_id),
	CONSTRAINT fk_message_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversation (id) ON DELETE CASCADE,
	CONSTRAINT fk_message_article_id FOREIGN KEY(article_id) REFERENCES article (id)
);

CREATE INDEX ix_message_conversation_id ON message (conversation_id, id);

CREATE TABLE inbound_message (
	id BIGSERIAL NOT NULL,
	channel TEXT NOT NULL,
	external_id TEXT NOT NULL,
	body_sealed BYTEA NOT NULL,
	body_hash TEXT NOT NULL,
	received_at TIMESTAMP WITH TIME ZONE NOT NULL,
	state TEXT NOT NULL,
	answer TEXT,
	answered_at TIMESTAMP WITH TIME ZONE,
	conversation_id UUID,
	attempts BIGINT NOT NULL,
	leased_until TIMESTAMP WITH TIME ZONE,
	promised_at TIMESTAMP WITH TIME ZONE,
	last_error TEXT,
	CONSTRAINT pk_inbound_message PRIMARY KEY (id),
	CONSTRAINT uq_inbound_message_channel_external_id UNIQUE (channel, external_id),
	CONSTRAINT ck_inbound_message_state CHECK (state IN ('received', 'answered', 'failed')),
	CONSTRAINT fk_inbound_message_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversation (id)
);

CREATE INDEX ix_inbound_message_open ON inbound_message (received_at) WHERE state <> 'answered';

CREATE TABLE call (
	id UUID NOT NULL,
	conversation_id UUID NOT NULL,
	direction TEXT NOT NULL,
	sip_call_id TEXT NOT NULL,
	called TEXT NOT NULL,
	caller_sealed BYTEA,
	caller_hash TEXT,
	codec TEXT NOT NULL,
	state TEXT NOT NULL,
	worker TEXT NOT NULL,
	started_at TIMESTAMP WITH TIME ZONE NOT NULL,
	answered_at TIMESTAMP WITH TIME ZONE,
	queued_at TIMESTAMP WITH TIME ZONE,
	ended_at TIMESTAMP WITH TIME ZONE,
	end_reason TEXT,
	recording_path TEXT,
	recording_seconds DOUBLE PRECISION,
	transcriber TEXT,
	data JSONB DEFAULT '{}' NOT NULL,
	CONSTRAINT pk_call PRIMARY KEY (id),
	CONSTRAINT ck_call_state CHECK (state IN ('bot', 'queued', 'ended')),
	CONSTRAINT ck_call_direction CHECK (direction IN ('in', 'out')),
	CONSTRAINT ck_call_ended_has_time CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
	CONSTRAINT fk_call_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversation (id)
);

CREATE INDEX ix_call_conversation_id ON call (conversation_id);

CREATE INDEX ix_call_live ON call (state) WHERE state <> 'ended';

CREATE TABLE ticket (
	id BIGSERIAL NOT NULL,
	number TEXT NOT NULL,
	query_code_hash TEXT NOT NULL,
	version BIGINT NOT NULL,
	state TEXT NOT NULL,
	line TEXT NOT NULL,
	channel TEXT NOT NULL,
	kind TEXT NOT NULL,
	category_code TEXT,
	urgency TEXT NOT NULL,
	confidentiality TEXT NOT NULL,
	title TEXT NOT NULL,
	content TEXT NOT NULL,
	occurred TEXT NOT NULL,
	district TEXT NOT NULL,
	street TEXT DEFAULT '' NOT NULL,
	community TEXT DEFAULT '' NOT NULL,
	address TEXT NOT NULL,
	longitude DOUBLE PRECISION,
	latitude DOUBLE PRECISION,
	citizen_id BIGINT,
	anonymous BOOLEAN NOT NULL,
	contact_by TEXT NOT NULL,
	conversation_id UUID,
	source TEXT DEFAULT 'citizen' NOT NULL,
	handling_kind TEXT DEFAULT 'promised' NOT NULL,
	tags JSONB DEFAULT '[]' NOT NULL,
	concerned TEXT DEFAULT '' NOT NULL,
	amount_yuan NUMERIC(14, 2),
	preferred_time TEXT DEFAULT '' NOT NULL,
	legal_procedure TEXT DEFAULT '' NOT NULL,
	reported_unit_id BIGINT,
	dispatch_mode TEXT,
	leader_days BIGINT,
	policy_key TEXT,
	policy_version BIGINT,
	received_at TIMESTAMP WITH TIME ZONE NOT NULL,
	dispatched_at TIMESTAMP WITH TIME ZONE,
	closed_at TIMESTAMP WITH TIME ZONE,
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
	round BIGINT NOT NULL,
	repeat_of_id BIGINT,
	repeat_level BIGINT DEFAULT '1' NOT NULL,
	master_id BIGINT,
	interest_count BIGINT DEFAULT '1' NOT NULL,
	info_requests BIGINT DEFAULT '0' NOT NULL,
	rejected_by_id BIGINT,
	investigator_id BIGINT,
	excluded_from_rates BOOLEAN DEFAULT false NOT NULL,
	excluded_reason TEXT DEFAULT '' NOT NULL,
	satisfaction TEXT,
	solved BOOLEAN,
	no_callback_reason TEXT,
	answer TEXT,
	created_by_id BIGINT,
	extra JSONB DEFAULT '{}' NOT NULL,
	CONSTRAINT pk_ticket PRIMARY KEY (id),
	CONSTRAINT ck_ticket_state CHECK (state IN ('draft', 'registered', 'need_info', 'rejected', 'emergency_out', 'answered', 'to_dispatch', 'in_progress', 'disputed', 'suspended', 'reply_review', 'callback', 'closed', 'archived', 'merged', 'withdrawn', 'invalid')),
	CONSTRAINT ck_ticket_channel CHECK (channel IN ('phone', 'wechat', 'web', 'open311', 'staff')),
	CONSTRAINT ck_ticket_kind CHECK (kind IN ('consult', 'help', 'complaint', 'report', 'suggestion', 'praise')),
	CONSTRAINT ck_ticket_urgency CHECK (urgency IN ('normal', 'urgent', 'emergency')),
	CONSTRAINT ck_ticket_confidentiality CHECK (confidentiality IN ('open', 'masked', 'secret')),
	CONSTRAINT ck_ticket_dispatch_mode CHECK (dispatch_mode IS NULL OR dispatch_mode IN ('phone', 'written', 'leader')),
	CONSTRAINT ck_ticket_satisfaction CHECK (satisfaction IS NULL OR satisfaction IN ('very_satisfied', 'satisfied', 'dissatisfied')),
	CONSTRAINT ck_ticket_closed_after_callback CHECK (state NOT IN ('closed', 'archived') OR satisfaction IS NOT NULL OR no_callback_reason IS NOT NULL),
	CONSTRAINT ck_ticket_closed_has_time CHECK ((state IN ('closed', 'archived')) <= (closed_at IS NOT NULL)),
	CONSTRAINT ck_ticket_answered_has_answer CHECK (state <> 'answered' OR answer IS NOT NULL),
	CONSTRAINT ck_ticket_handling_kind CHECK (handling_kind IN ('on_spot', 'promised', 'joint', 'hard')),
	CONSTRAINT ck_ticket_source CHECK (source IN ('citizen', 'bot', 'grid', 'media', 'leader', 'other_hotline', 'police', 'unit')),
	CONSTRAINT ck_ticket_leader_days CHECK (leader_days IS NULL OR leader_days IN (7, 10, 30)),
	CONSTRAINT ck_ticket_merged_has_master CHECK ((state = 'merged') <= (master_id IS NOT NULL)),
	CONSTRAINT ck_ticket_not_its_own_master CHECK (master_id <> id AND repeat_of_id <> id),
	CONSTRAINT ck_ticket_counts CHECK (interest_count >= 1 AND repeat_level >= 1 AND info_requests BETWEEN 0 AND 2),
	CONSTRAINT ck_ticket_exclusion_has_reason CHECK (NOT excluded_from_rates OR char_length(excluded_reason) >= 5),
	CONSTRAINT ck_ticket_contact_by CHECK (contact_by IN ('phone', 'sms', 'wechat', 'none')),
	CONSTRAINT ck_ticket_longitude CHECK (longitude IS NULL OR longitude BETWEEN -180 AND 180),
	CONSTRAINT ck_ticket_latitude CHECK (latitude IS NULL OR latitude BETWEEN -90 AND 90),
	CONSTRAINT ck_ticket_round CHECK (round >= 1),
	CONSTRAINT ck_ticket_content_length CHECK (char_length(content) BETWEEN 1 AND 10000),
	CONSTRAINT ck_ticket_title_length CHECK (char_length(title) BETWEEN 1 AND 100),
	CONSTRAINT uq_ticket_number UNIQUE (number),
	CONSTRAINT fk_ticket_category_code FOREIGN KEY(category_code) REFERENCES category (code),
	CONSTRAINT fk_ticket_citizen_id FOREIGN KEY(citizen_id) REFERENCES citizen (id),
	CONSTRAINT fk_ticket_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversation (id),
	CONSTRAINT fk_ticket_reported_unit_id FOREIGN KEY(reported_unit_id) REFERENCES unit (id),
	CONSTRAINT fk_ticket_repeat_of_id FOREIGN KEY(repeat_of_id) REFERENCES ticket (id),
	CONSTRAINT fk_ticket_master_id FOREIGN KEY(master_id) REFERENCES ticket (id),
	CONSTRAINT fk_ticket_rejected_by_id FOREIGN KEY(rejected_by_id) REFERENCES staff (id),
	CONSTRAINT fk_ticket_investigator_id FOREIGN KEY(investigator_id) REFERENCES staff (id),
	CONSTRAINT fk_ticket_created_by_id FOREIGN KEY(created_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_ticket_category_code ON ticket (category_code, received_at);

CREATE INDEX ix_ticket_citizen_id ON ticket (citizen_id);

CREATE INDEX ix_ticket_master_id ON ticket (master_id) WHERE master_id IS NOT NULL;

CREATE INDEX ix_ticket_open ON ticket (state, received_at) WHERE state NOT IN ('closed', 'archived');

CREATE INDEX ix_ticket_received_at ON ticket (received_at);

CREATE INDEX ix_ticket_repeat_of_id ON ticket (repeat_of_id) WHERE repeat_of_id IS NOT NULL;

CREATE TABLE assignment (
	id BIGSERIAL NOT NULL,
	ticket_id BIGINT NOT NULL,
	unit_id BIGINT NOT NULL,
	lead BOOLEAN NOT NULL,
	state TEXT NOT NULL,
	instruction TEXT NOT NULL,
	assigned_at TIMESTAMP WITH TIME ZONE NOT NULL,
	assigned_by_id BIGINT,
	signed_at TIMESTAMP WITH TIME ZONE,
	signed_by_id BIGINT,
	contacted_at TIMESTAMP WITH TIME ZONE,
	replied_at TIMESTAMP WITH TIME ZONE,
	accepted_at TIMESTAMP WITH TIME ZONE,
	return_reason TEXT,
	return_requested_at TIMESTAMP WITH TIME ZONE,
	return_requested_by_id BIGINT,
	parent_id BIGINT,
	by_ruling BOOLEAN DEFAULT false NOT NULL,
	waived_reason TEXT DEFAULT '' NOT NULL,
	responsible_leader TEXT DEFAULT '' NOT NULL,
	responsible_person TEXT DEFAULT '' NOT NULL,
	quality_standard TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_assignment PRIMARY KEY (id),
	CONSTRAINT ck_assignment_state CHECK (state IN ('assigned', 'signed', 'working', 'unit_review', 'replied', 'accepted', 'returned', 'cancelled', 'redo')),
	CONSTRAINT fk_assignment_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_assignment_unit_id FOREIGN KEY(unit_id) REFERENCES unit (id),
	CONSTRAINT fk_assignment_assigned_by_id FOREIGN KEY(assigned_by_id) REFERENCES staff (id),
	CONSTRAINT fk_assignment_signed_by_id FOREIGN KEY(signed_by_id) REFERENCES staff (id),
	CONSTRAINT fk_assignment_return_requested_by_id FOREIGN KEY(return_requested_by_id) REFERENCES staff (id),
	CONSTRAINT fk_assignment_parent_id FOREIGN KEY(parent_id) REFERENCES assignment (id)
);

CREATE INDEX ix_assignment_ticket_id ON assignment (ticket_id);

CREATE INDEX ix_assignment_unit_state ON assignment (unit_id, state);

CREATE UNIQUE INDEX uq_assignment_one_lead ON assignment (ticket_id) WHERE lead AND state NOT IN ('returned', 'cancelled');

CREATE TABLE callback_task (
	id BIGSERIAL NOT NULL,
	ticket_id BIGINT NOT NULL,
	round BIGINT NOT NULL,
	state TEXT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	finished_at TIMESTAMP WITH TIME ZONE,
	satisfaction TEXT,
	solved BOOLEAN,
	contacted BOOLEAN,
	attitude TEXT,
	note TEXT NOT NULL,
	by TEXT NOT NULL,
	user_id BIGINT,
	CONSTRAINT pk_callback_task PRIMARY KEY (id),
	CONSTRAINT ck_callback_task_state CHECK (state IN ('open', 'reached', 'unreached', 'cancelled')),
	CONSTRAINT ck_callback_task_satisfaction CHECK (satisfaction IS NULL OR satisfaction IN ('very_satisfied', 'satisfied', 'dissatisfied')),
	CONSTRAINT ck_callback_task_reached_has_satisfaction CHECK (state <> 'reached' OR satisfaction IS NOT NULL),
	CONSTRAINT ck_callback_task_finished_has_time CHECK ((state = 'open') = (finished_at IS NULL)),
	CONSTRAINT ck_callback_task_round CHECK (round >= 1),
	CONSTRAINT fk_callback_task_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_callback_task_user_id FOREIGN KEY(user_id) REFERENCES staff (id)
);

CREATE UNIQUE INDEX uq_callback_task_open ON callback_task (ticket_id) WHERE state = 'open';

CREATE TABLE return_call (
	id BIGSERIAL NOT NULL,
	call_id UUID NOT NULL,
	ticket_id BIGINT NOT NULL,
	reason TEXT NOT NULL,
	state TEXT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	due_at TIMESTAMP WITH TIME ZONE NOT NULL,
	done_at TIMESTAMP WITH TIME ZONE,
	done_by_id BIGINT,
	note TEXT NOT NULL,
	CONSTRAINT pk_return_call PRIMARY KEY (id),
	CONSTRAINT uq_return_call_call_id UNIQUE (call_id),
	CONSTRAINT ck_return_call_state CHECK (state IN ('open', 'done')),
	CONSTRAINT fk_return_call_call_id FOREIGN KEY(call_id) REFERENCES call (id),
	CONSTRAINT fk_return_call_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id),
	CONSTRAINT fk_return_call_done_by_id FOREIGN KEY(done_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_return_call_open ON return_call (due_at) WHERE state = 'open';

CREATE TABLE attachment (
	id UUID NOT NULL,
	ticket_id BIGINT,
	conversation_id UUID,
	file_name TEXT NOT NULL,
	content_type TEXT NOT NULL,
	size_bytes BIGINT NOT NULL,
	sha256 TEXT NOT NULL,
	path TEXT NOT NULL,
	from_citizen BOOLEAN NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_attachment PRIMARY KEY (id),
	CONSTRAINT ck_attachment_size CHECK (size_bytes > 0),
	CONSTRAINT fk_attachment_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_attachment_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversation (id)
);

CREATE INDEX ix_attachment_ticket_id ON attachment (ticket_id);

CREATE TABLE reply (
	id BIGSERIAL NOT NULL,
	assignment_id BIGINT NOT NULL,
	round BIGINT NOT NULL,
	facts TEXT NOT NULL,
	measures TEXT NOT NULL,
	basis TEXT NOT NULL,
	contact_note TEXT NOT NULL,
	explanation TEXT DEFAULT '' NOT NULL,
	author_id BIGINT NOT NULL,
	written_at TIMESTAMP WITH TIME ZONE NOT NULL,
	signed_off_by_id BIGINT,
	signed_off_at TIMESTAMP WITH TIME ZONE,
	reviewed_by_id BIGINT,
	reviewed_at TIMESTAMP WITH TIME ZONE,
	accepted BOOLEAN,
	review_note TEXT,
	CONSTRAINT pk_reply PRIMARY KEY (id),
	CONSTRAINT ck_reply_facts CHECK (facts IN ('true', 'partly', 'untrue', 'cannot_verify')),
	CONSTRAINT ck_reply_measures_length CHECK (char_length(measures) >= 30),
	CONSTRAINT ck_reply_reviewer_is_not_author CHECK (reviewed_by_id IS NULL OR reviewed_by_id <> author_id),
	CONSTRAINT fk_reply_assignment_id FOREIGN KEY(assignment_id) REFERENCES assignment (id) ON DELETE CASCADE,
	CONSTRAINT fk_reply_author_id FOREIGN KEY(author_id) REFERENCES staff (id),
	CONSTRAINT fk_reply_signed_off_by_id FOREIGN KEY(signed_off_by_id) REFERENCES staff (id),
	CONSTRAINT fk_reply_reviewed_by_id FOREIGN KEY(reviewed_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_reply_assignment_id ON reply (assignment_id);

CREATE TABLE callback_attempt (
	id BIGSERIAL NOT NULL,
	task_id BIGINT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	outcome TEXT NOT NULL,
	user_id BIGINT,
	CONSTRAINT pk_callback_attempt PRIMARY KEY (id),
	CONSTRAINT fk_callback_attempt_task_id FOREIGN KEY(task_id) REFERENCES callback_task (id) ON DELETE CASCADE,
	CONSTRAINT fk_callback_attempt_user_id FOREIGN KEY(user_id) REFERENCES staff (id)
);

CREATE INDEX ix_callback_attempt_task_id ON callback_attempt (task_id);

CREATE TABLE deadline (
	id BIGSERIAL NOT NULL,
	ticket_id BIGINT NOT NULL,
	assignment_id BIGINT,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	stage TEXT NOT NULL,
	limit_value DOUBLE PRECISION NOT NULL,
	limit_unit TEXT NOT NULL,
	started_at TIMESTAMP WITH TIME ZONE NOT NULL,
	due_at TIMESTAMP WITH TIME ZONE NOT NULL,
	white_at TIMESTAMP WITH TIME ZONE NOT NULL,
	amber_at TIMESTAMP WITH TIME ZONE NOT NULL,
	red_at TIMESTAMP WITH TIME ZONE NOT NULL,
	next_stage_at TIMESTAMP WITH TIME ZONE,
	stopped_at TIMESTAMP WITH TIME ZONE,
	provisional BOOLEAN NOT NULL,
	CONSTRAINT pk_deadline PRIMARY KEY (id),
	CONSTRAINT ck_deadline_due_after_start CHECK (due_at > started_at),
	CONSTRAINT ck_deadline_state CHECK (state IN ('running', 'met', 'late', 'cancelled')),
	CONSTRAINT ck_deadline_stage CHECK (stage IN ('calm', 'white', 'amber', 'yellow', 'red')),
	CONSTRAINT ck_deadline_running_has_no_stop CHECK ((state = 'running') = (stopped_at IS NULL)),
	CONSTRAINT fk_deadline_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_deadline_assignment_id FOREIGN KEY(assignment_id) REFERENCES assignment (id) ON DELETE CASCADE
);

CREATE INDEX ix_deadline_next_stage ON deadline (next_stage_at) WHERE state = 'running' AND next_stage_at IS NOT NULL;

CREATE INDEX ix_deadline_ticket_id ON deadline (ticket_id);

CREATE UNIQUE INDEX uq_deadline_running_assignment_clock ON deadline (assignment_id, kind) WHERE state = 'running' AND assignment_id IS NOT NULL;

CREATE UNIQUE INDEX uq_deadline_running_ticket_clock ON deadline (ticket_id, kind) WHERE state = 'running' AND assignment_id IS NULL;

CREATE TABLE card (
	id BIGSERIAL NOT NULL,
	ticket_id BIGINT NOT NULL,
	deadline_id BIGINT NOT NULL,
	unit_id BIGINT,
	colour TEXT NOT NULL,
	reason TEXT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_card PRIMARY KEY (id),
	CONSTRAINT uq_card_deadline_id_colour UNIQUE (deadline_id, colour),
	CONSTRAINT ck_card_colour CHECK (colour IN ('yellow', 'red')),
	CONSTRAINT fk_card_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_card_deadline_id FOREIGN KEY(deadline_id) REFERENCES deadline (id) ON DELETE CASCADE,
	CONSTRAINT fk_card_unit_id FOREIGN KEY(unit_id) REFERENCES unit (id)
);

CREATE INDEX ix_card_ticket_id ON card (ticket_id);

CREATE INDEX ix_card_unit_id ON card (unit_id, at);

ALTER TABLE conversation ADD CONSTRAINT fk_conversation_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id);

CREATE FUNCTION refuse_event_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the event log is append-only' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_event_change();

CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION refuse_event_change();

