-- Written by script/migration from the models. Do not edit.

CREATE SEQUENCE ticket_number_seq;

CREATE SEQUENCE formal_supervision_seq;

CREATE SEQUENCE hand_over_seq;

CREATE TABLE wechat_signature (
	signature_hash TEXT NOT NULL,
	body_hash TEXT NOT NULL,
	seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_wechat_signature PRIMARY KEY (signature_hash)
);

CREATE INDEX ix_wechat_signature_seen_at ON wechat_signature (seen_at);

CREATE TABLE wechat_kept (
	name TEXT NOT NULL,
	value_sealed BYTEA NOT NULL,
	good_until TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_wechat_kept PRIMARY KEY (name)
);

CREATE TABLE wechat_receipt (
	message_id TEXT NOT NULL,
	problem TEXT NOT NULL,
	came_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_wechat_receipt PRIMARY KEY (message_id)
);

CREATE INDEX ix_wechat_receipt_came_at ON wechat_receipt (came_at);

CREATE TABLE event_key (
	subject TEXT NOT NULL,
	subject_id TEXT NOT NULL,
	key_sealed BYTEA,
	destroyed_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_event_key PRIMARY KEY (subject, subject_id),
	CONSTRAINT ck_event_key_there_or_destroyed CHECK ((key_sealed IS NULL) = (destroyed_at IS NOT NULL))
);

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

CREATE INDEX ix_outbox_parked ON outbox (channel, id) WHERE state = 'parked';

CREATE INDEX ix_outbox_ready ON outbox (not_before) WHERE state = 'waiting';

CREATE INDEX ix_outbox_sms ON outbox (recipient, sent_at) WHERE channel = 'sms' AND state = 'sent';

CREATE TABLE file_removal (
	id BIGSERIAL NOT NULL,
	place TEXT NOT NULL,
	key TEXT NOT NULL,
	why TEXT NOT NULL,
	requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
	not_before TIMESTAMP WITH TIME ZONE NOT NULL,
	attempts BIGINT NOT NULL,
	last_error TEXT,
	CONSTRAINT pk_file_removal PRIMARY KEY (id),
	CONSTRAINT ck_file_removal_place CHECK (place IN ('store', 'data'))
);

CREATE INDEX ix_file_removal_not_before ON file_removal (not_before);

CREATE TABLE audit_seal (
	number BIGINT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	first_event_id BIGINT NOT NULL,
	last_event_id BIGINT NOT NULL,
	event_count BIGINT NOT NULL,
	batch_hash TEXT NOT NULL,
	previous_hash TEXT NOT NULL,
	hash TEXT NOT NULL,
	CONSTRAINT pk_audit_seal PRIMARY KEY (number),
	CONSTRAINT ck_audit_seal_number CHECK (number >= 1),
	CONSTRAINT ck_audit_seal_range CHECK (first_event_id <= last_event_id AND event_count >= 1),
	CONSTRAINT uq_audit_seal_first_event_id UNIQUE (first_event_id),
	CONSTRAINT uq_audit_seal_last_event_id UNIQUE (last_event_id),
	CONSTRAINT uq_audit_seal_hash UNIQUE (hash)
);

CREATE INDEX ix_audit_seal_at ON audit_seal (at);

CREATE TABLE audit_day (
	day DATE NOT NULL,
	first_seal BIGINT NOT NULL,
	last_seal BIGINT NOT NULL,
	event_count BIGINT NOT NULL,
	previous_root TEXT NOT NULL,
	root TEXT NOT NULL,
	made_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_audit_day PRIMARY KEY (day),
	CONSTRAINT ck_audit_day_range CHECK (first_seal <= last_seal),
	CONSTRAINT uq_audit_day_first_seal UNIQUE (first_seal),
	CONSTRAINT uq_audit_day_last_seal UNIQUE (last_seal),
	CONSTRAINT uq_audit_day_root UNIQUE (root)
);

CREATE TABLE calendar_day (
	day DATE NOT NULL,
	is_work BOOLEAN NOT NULL,
	name TEXT NOT NULL,
	source TEXT DEFAULT 'package' NOT NULL,
	CONSTRAINT pk_calendar_day PRIMARY KEY (day)
);

CREATE TABLE rules (
	id BIGINT NOT NULL,
	calendar_version BIGINT DEFAULT 1 NOT NULL,
	policies_version BIGINT DEFAULT 1 NOT NULL,
	periods JSONB DEFAULT '[]' NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_rules PRIMARY KEY (id),
	CONSTRAINT ck_rules_one_row CHECK (id = 1),
	CONSTRAINT ck_rules_versions CHECK (calendar_version >= 1 AND policies_version >= 1)
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

CREATE INDEX ix_unit_parent_id ON unit (parent_id);

CREATE FUNCTION check_unit_tree() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    above bigint;
BEGIN
    IF NEW.parent_id IS NOT NULL THEN
        SELECT level INTO above FROM unit WHERE id = NEW.parent_id FOR SHARE;
        IF above >= NEW.level THEN
            RAISE EXCEPTION 'a unit must stand below its parent' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_unit_tree';
        END IF;
    END IF;
    IF EXISTS (SELECT FROM unit WHERE parent_id = NEW.id AND level <= NEW.level) THEN
        RAISE EXCEPTION 'a unit must stand above its children' USING ERRCODE = 'check_violation', CONSTRAINT = 'ck_unit_tree';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER unit_tree BEFORE INSERT OR UPDATE OF parent_id, level ON unit FOR EACH ROW EXECUTE FUNCTION check_unit_tree();

CREATE TABLE line (
	number TEXT NOT NULL,
	name TEXT NOT NULL,
	greeting TEXT NOT NULL,
	active BOOLEAN NOT NULL,
	CONSTRAINT pk_line PRIMARY KEY (number),
	CONSTRAINT ck_line_number CHECK (number ~ '^[0-9]{3,8}$'),
	CONSTRAINT uq_line_name UNIQUE (name)
);

CREATE TABLE login_address (
	address_hash TEXT NOT NULL,
	busy_until TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_login_address PRIMARY KEY (address_hash)
);

CREATE TABLE citizen (
	id BIGSERIAL NOT NULL,
	data_key_sealed BYTEA,
	name_sealed BYTEA,
	phone_sealed BYTEA,
	phone_hash TEXT,
	phone_verified BOOLEAN NOT NULL,
	openid_sealed BYTEA,
	openid_hash TEXT,
	id_number_sealed BYTEA,
	needs TEXT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	erased_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_citizen PRIMARY KEY (id),
	CONSTRAINT ck_citizen_sealed_by_key CHECK (data_key_sealed IS NOT NULL OR (name_sealed IS NULL AND phone_sealed IS NULL AND openid_sealed IS NULL AND id_number_sealed IS NULL)),
	CONSTRAINT ck_citizen_erased_is_empty CHECK (erased_at IS NULL OR (data_key_sealed IS NULL AND phone_hash IS NULL AND openid_hash IS NULL)),
	CONSTRAINT uq_citizen_openid_hash UNIQUE (openid_hash)
);

CREATE INDEX ix_citizen_phone_hash ON citizen (phone_hash);

CREATE UNIQUE INDEX uq_citizen_verified_phone ON citizen (phone_hash) WHERE phone_verified IS true;

CREATE TABLE phone_code (
	id BIGSERIAL NOT NULL,
	phone_hash TEXT NOT NULL,
	purpose TEXT NOT NULL,
	code_hash TEXT NOT NULL,
	tries BIGINT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	used_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_phone_code PRIMARY KEY (id)
);

CREATE INDEX ix_phone_code_created_at ON phone_code (created_at);

CREATE INDEX ix_phone_code_phone_hash ON phone_code (phone_hash, id);

CREATE TABLE heartbeat (
	worker TEXT NOT NULL,
	role TEXT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	data JSONB NOT NULL,
	CONSTRAINT pk_heartbeat PRIMARY KEY (worker)
);

CREATE TABLE retention_policy (
	kind TEXT NOT NULL,
	keep_days BIGINT NOT NULL,
	ending TEXT NOT NULL,
	active BOOLEAN NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_retention_policy PRIMARY KEY (kind),
	CONSTRAINT ck_retention_policy_keep_days CHECK (keep_days >= 0),
	CONSTRAINT ck_retention_policy_ending CHECK (ending IN ('archive', 'anonymise', 'erase'))
);

CREATE TABLE figure_day (
	source TEXT NOT NULL,
	day DATE NOT NULL,
	formula TEXT NOT NULL,
	CONSTRAINT pk_figure_day PRIMARY KEY (source, day)
);

CREATE TABLE figure_cell (
	id BIGSERIAL NOT NULL,
	source TEXT NOT NULL,
	family TEXT NOT NULL,
	day DATE NOT NULL,
	line TEXT,
	unit_id BIGINT,
	category_code TEXT,
	district TEXT,
	channel TEXT,
	secret BOOLEAN NOT NULL,
	sums FLOAT[] NOT NULL,
	CONSTRAINT pk_figure_cell PRIMARY KEY (id),
	CONSTRAINT ck_figure_cell_family CHECK (family IN ('unit', 'place'))
);

CREATE INDEX ix_figure_cell_source ON figure_cell (source, family, day);

CREATE TABLE figure_change (
	id BIGSERIAL NOT NULL,
	moment TEXT NOT NULL,
	day DATE NOT NULL,
	CONSTRAINT pk_figure_change PRIMARY KEY (id)
);

CREATE INDEX ix_figure_change_moment ON figure_change (moment, day);

CREATE TABLE event_cursor (
	reader TEXT NOT NULL,
	last_event_id BIGINT NOT NULL,
	next_event_id BIGINT,
	next_transaction BIGINT,
	CONSTRAINT pk_event_cursor PRIMARY KEY (reader)
);

CREATE TABLE wechat_subscription (
	id BIGSERIAL NOT NULL,
	citizen_id BIGINT NOT NULL,
	template_id TEXT NOT NULL,
	source BIGINT,
	granted_at TIMESTAMP WITH TIME ZONE NOT NULL,
	used_at TIMESTAMP WITH TIME ZONE,
	ended_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_wechat_subscription PRIMARY KEY (id),
	CONSTRAINT uq_wechat_subscription_source_template_id UNIQUE (source, template_id),
	CONSTRAINT fk_wechat_subscription_citizen_id FOREIGN KEY(citizen_id) REFERENCES citizen (id) ON DELETE CASCADE
);

CREATE INDEX ix_wechat_subscription_citizen_id ON wechat_subscription (citizen_id, template_id);

CREATE TABLE line_alias (
	number TEXT NOT NULL,
	line TEXT NOT NULL,
	CONSTRAINT pk_line_alias PRIMARY KEY (number),
	CONSTRAINT fk_line_alias_line FOREIGN KEY(line) REFERENCES line (number)
);

CREATE TABLE staff (
	id BIGSERIAL NOT NULL,
	login TEXT NOT NULL,
	name TEXT NOT NULL,
	staff_number TEXT NOT NULL,
	role TEXT NOT NULL,
	unit_id BIGINT,
	line TEXT,
	password_hash TEXT NOT NULL,
	must_change_password BOOLEAN NOT NULL,
	password_changed_at TIMESTAMP WITH TIME ZONE,
	active BOOLEAN NOT NULL,
	failed_logins BIGINT NOT NULL,
	locked_until TIMESTAMP WITH TIME ZONE,
	totp_sealed BYTEA,
	totp_step BIGINT,
	language TEXT DEFAULT 'zh' NOT NULL,
	CONSTRAINT pk_staff PRIMARY KEY (id),
	CONSTRAINT ck_staff_role CHECK (role IN ('agent', 'dispatcher', 'clerk', 'chief', 'supervisor', 'callback', 'quality', 'editor', 'admin', 'leader')),
	CONSTRAINT ck_staff_unit_role_has_unit CHECK (role NOT IN ('clerk', 'chief') OR unit_id IS NOT NULL),
	CONSTRAINT ck_staff_totp CHECK ((totp_sealed IS NULL) = (totp_step IS NULL)),
	CONSTRAINT uq_staff_login UNIQUE (login),
	CONSTRAINT uq_staff_staff_number UNIQUE (staff_number),
	CONSTRAINT fk_staff_unit_id FOREIGN KEY(unit_id) REFERENCES unit (id),
	CONSTRAINT fk_staff_line FOREIGN KEY(line) REFERENCES line (number)
);

CREATE TABLE notice_preference (
	citizen_id BIGINT NOT NULL,
	way TEXT NOT NULL,
	ways JSONB DEFAULT '{}' NOT NULL,
	quiet_from TIME WITHOUT TIME ZONE,
	quiet_to TIME WITHOUT TIME ZONE,
	language TEXT NOT NULL,
	opted_out_at TIMESTAMP WITH TIME ZONE,
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_notice_preference PRIMARY KEY (citizen_id),
	CONSTRAINT ck_notice_preference_way CHECK (way IN ('auto', 'sms', 'wechat', 'none')),
	CONSTRAINT ck_notice_preference_ways CHECK (jsonb_typeof(ways) = 'object'),
	CONSTRAINT ck_notice_preference_language CHECK (language IN ('zh', 'en')),
	CONSTRAINT ck_notice_preference_quiet_whole CHECK ((quiet_from IS NULL) = (quiet_to IS NULL)),
	CONSTRAINT fk_notice_preference_citizen_id FOREIGN KEY(citizen_id) REFERENCES citizen (id) ON DELETE CASCADE
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

CREATE TABLE poster (
	id BIGSERIAL NOT NULL,
	scene TEXT NOT NULL,
	unit_id BIGINT NOT NULL,
	name TEXT NOT NULL,
	place TEXT DEFAULT '' NOT NULL,
	purpose TEXT DEFAULT '' NOT NULL,
	code_url TEXT,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	created_by_id BIGINT,
	withdrawn_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_poster PRIMARY KEY (id),
	CONSTRAINT ck_poster_name_length CHECK (char_length(name) BETWEEN 2 AND 40),
	CONSTRAINT uq_poster_scene UNIQUE (scene),
	CONSTRAINT fk_poster_unit_id FOREIGN KEY(unit_id) REFERENCES unit (id),
	CONSTRAINT fk_poster_created_by_id FOREIGN KEY(created_by_id) REFERENCES staff (id)
);

CREATE TABLE intent_example (
	id BIGSERIAL NOT NULL,
	intent TEXT NOT NULL,
	text TEXT NOT NULL,
	purpose TEXT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	created_by_id BIGINT NOT NULL,
	removed_at TIMESTAMP WITH TIME ZONE,
	removed_by_id BIGINT,
	CONSTRAINT pk_intent_example PRIMARY KEY (id),
	CONSTRAINT ck_intent_example_intent CHECK (intent IN ('ask_guide', 'file_complaint', 'feedback', 'query_progress', 'want_person', 'emergency', 'greet', 'goodbye', 'thanks', 'affirm', 'deny', 'skip', 'cancel', 'inform', 'about_bot', 'out_of_scope', 'nlu_fallback')),
	CONSTRAINT ck_intent_example_purpose CHECK (purpose IN ('learn', 'check')),
	CONSTRAINT ck_intent_example_text_length CHECK (char_length(text) BETWEEN 1 AND 200),
	CONSTRAINT fk_intent_example_created_by_id FOREIGN KEY(created_by_id) REFERENCES staff (id),
	CONSTRAINT fk_intent_example_removed_by_id FOREIGN KEY(removed_by_id) REFERENCES staff (id)
);

CREATE UNIQUE INDEX uq_intent_example_text ON intent_example (text) WHERE removed_at IS NULL;

CREATE TABLE bot_training (
	id BIGSERIAL NOT NULL,
	asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
	asked_by_id BIGINT,
	back_to TEXT,
	state TEXT NOT NULL,
	progress TEXT DEFAULT '' NOT NULL,
	model TEXT,
	beat_at TIMESTAMP WITH TIME ZONE,
	finished_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_bot_training PRIMARY KEY (id),
	CONSTRAINT ck_bot_training_state CHECK (state IN ('waiting', 'running', 'live', 'refused', 'failed')),
	CONSTRAINT fk_bot_training_asked_by_id FOREIGN KEY(asked_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_bot_training_asked_at ON bot_training (asked_at);

CREATE UNIQUE INDEX uq_bot_training_open ON bot_training ((true)) WHERE state IN ('waiting', 'running');

CREATE TABLE knowledge_topic (
	id BIGSERIAL NOT NULL,
	name TEXT NOT NULL,
	message TEXT DEFAULT '' NOT NULL,
	active BOOLEAN DEFAULT false NOT NULL,
	active_until DATE,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	changed_by_id BIGINT,
	CONSTRAINT pk_knowledge_topic PRIMARY KEY (id),
	CONSTRAINT ck_knowledge_topic_name_length CHECK (char_length(name) BETWEEN 2 AND 40),
	CONSTRAINT uq_knowledge_topic_name UNIQUE (name),
	CONSTRAINT fk_knowledge_topic_changed_by_id FOREIGN KEY(changed_by_id) REFERENCES staff (id)
);

CREATE TABLE search_synonym (
	id BIGSERIAL NOT NULL,
	kind TEXT NOT NULL,
	words JSONB NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	changed_by_id BIGINT,
	CONSTRAINT pk_search_synonym PRIMARY KEY (id),
	CONSTRAINT ck_search_synonym_kind CHECK (kind IN ('spelling', 'related')),
	CONSTRAINT fk_search_synonym_changed_by_id FOREIGN KEY(changed_by_id) REFERENCES staff (id)
);

CREATE TABLE api_token (
	id BIGSERIAL NOT NULL,
	user_id BIGINT NOT NULL,
	name TEXT NOT NULL,
	token_hash TEXT NOT NULL,
	hint TEXT NOT NULL,
	scope TEXT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	last_used_at TIMESTAMP WITH TIME ZONE,
	revoked_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_api_token PRIMARY KEY (id),
	CONSTRAINT uq_api_token_token_hash UNIQUE (token_hash),
	CONSTRAINT ck_api_token_scope CHECK (scope IN ('read', 'write')),
	CONSTRAINT ck_api_token_expires_later CHECK (expires_at > created_at),
	CONSTRAINT ck_api_token_name_length CHECK (char_length(name) BETWEEN 1 AND 60),
	CONSTRAINT fk_api_token_user_id FOREIGN KEY(user_id) REFERENCES staff (id) ON DELETE CASCADE
);

CREATE INDEX ix_api_token_user_id ON api_token (user_id);

CREATE TABLE api_answer (
	id BIGSERIAL NOT NULL,
	user_id BIGINT NOT NULL,
	key_hash TEXT NOT NULL,
	request_hash TEXT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	status BIGINT,
	headers JSONB NOT NULL,
	body_sealed BYTEA,
	CONSTRAINT pk_api_answer PRIMARY KEY (id),
	CONSTRAINT uq_api_answer_user_id_key_hash UNIQUE (user_id, key_hash),
	CONSTRAINT ck_api_answer_whole CHECK ((status IS NULL) = (body_sealed IS NULL)),
	CONSTRAINT fk_api_answer_user_id FOREIGN KEY(user_id) REFERENCES staff (id) ON DELETE CASCADE
);

CREATE INDEX ix_api_answer_created_at ON api_answer (created_at);

CREATE TABLE calendar_change (
	version BIGINT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	by_id BIGINT,
	source TEXT NOT NULL,
	note TEXT NOT NULL,
	days_added BIGINT NOT NULL,
	days_changed BIGINT NOT NULL,
	clocks_computed BIGINT DEFAULT 0 NOT NULL,
	clocks_moved BIGINT DEFAULT 0 NOT NULL,
	finished_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_calendar_change PRIMARY KEY (version),
	CONSTRAINT ck_calendar_change_source CHECK (source IN ('file', 'package', 'hand', 'hours')),
	CONSTRAINT ck_calendar_change_counts CHECK (clocks_moved >= 0 AND clocks_moved <= clocks_computed),
	CONSTRAINT fk_calendar_change_by_id FOREIGN KEY(by_id) REFERENCES staff (id)
);

CREATE TABLE call_flow_version (
	version BIGINT NOT NULL,
	document TEXT NOT NULL,
	sha256 TEXT NOT NULL,
	note TEXT DEFAULT '' NOT NULL,
	published_at TIMESTAMP WITH TIME ZONE NOT NULL,
	published_by_id BIGINT,
	CONSTRAINT pk_call_flow_version PRIMARY KEY (version),
	CONSTRAINT fk_call_flow_version_published_by_id FOREIGN KEY(published_by_id) REFERENCES staff (id)
);

CREATE TABLE nuisance_number (
	id BIGSERIAL NOT NULL,
	number_hash TEXT NOT NULL,
	masked TEXT NOT NULL,
	reason TEXT NOT NULL,
	added_at TIMESTAMP WITH TIME ZONE NOT NULL,
	added_by_id BIGINT NOT NULL,
	until TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_nuisance_number PRIMARY KEY (id),
	CONSTRAINT fk_nuisance_number_added_by_id FOREIGN KEY(added_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_nuisance_number_hash ON nuisance_number (number_hash, until);

CREATE TABLE staff_recovery_code (
	id BIGSERIAL NOT NULL,
	user_id BIGINT NOT NULL,
	code_hash TEXT NOT NULL,
	used_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_staff_recovery_code PRIMARY KEY (id),
	CONSTRAINT uq_staff_recovery_code_user_id_code_hash UNIQUE (user_id, code_hash),
	CONSTRAINT fk_staff_recovery_code_user_id FOREIGN KEY(user_id) REFERENCES staff (id) ON DELETE CASCADE
);

CREATE TABLE login_session (
	id BIGSERIAL NOT NULL,
	token_hash TEXT NOT NULL,
	user_id BIGINT NOT NULL,
	csrf_token TEXT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	browser TEXT NOT NULL,
	address TEXT NOT NULL,
	second_factor_due BOOLEAN NOT NULL,
	CONSTRAINT pk_login_session PRIMARY KEY (id),
	CONSTRAINT uq_login_session_token_hash UNIQUE (token_hash),
	CONSTRAINT fk_login_session_user_id FOREIGN KEY(user_id) REFERENCES staff (id) ON DELETE CASCADE
);

CREATE INDEX ix_login_session_user_id ON login_session (user_id);

CREATE TABLE deputy (
	id BIGSERIAL NOT NULL,
	user_id BIGINT NOT NULL,
	deputy_id BIGINT NOT NULL,
	starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
	ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_deputy PRIMARY KEY (id),
	CONSTRAINT ck_deputy_somebody_else CHECK (user_id <> deputy_id),
	CONSTRAINT ck_deputy_period CHECK (ends_at > starts_at),
	CONSTRAINT fk_deputy_user_id FOREIGN KEY(user_id) REFERENCES staff (id),
	CONSTRAINT fk_deputy_deputy_id FOREIGN KEY(deputy_id) REFERENCES staff (id)
);

CREATE INDEX ix_deputy_deputy_id ON deputy (deputy_id, ends_at);

CREATE INDEX ix_deputy_user_id ON deputy (user_id, ends_at);

CREATE TABLE call_flow_proposal (
	id BIGSERIAL NOT NULL,
	version BIGINT NOT NULL,
	document TEXT NOT NULL,
	state TEXT NOT NULL,
	reason TEXT NOT NULL,
	proposed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	proposed_by_id BIGINT NOT NULL,
	decided_at TIMESTAMP WITH TIME ZONE,
	decided_by_id BIGINT,
	note TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_call_flow_proposal PRIMARY KEY (id),
	CONSTRAINT ck_call_flow_proposal_state CHECK (state IN ('proposed', 'published', 'refused', 'withdrawn')),
	CONSTRAINT ck_call_flow_proposal_decided CHECK ((state = 'proposed') = (decided_at IS NULL)),
	CONSTRAINT ck_call_flow_proposal_two_people CHECK (state NOT IN ('published', 'refused') OR decided_by_id IS NOT NULL AND decided_by_id <> proposed_by_id),
	CONSTRAINT fk_call_flow_proposal_proposed_by_id FOREIGN KEY(proposed_by_id) REFERENCES staff (id),
	CONSTRAINT fk_call_flow_proposal_decided_by_id FOREIGN KEY(decided_by_id) REFERENCES staff (id)
);

CREATE UNIQUE INDEX uq_call_flow_proposal_waiting ON call_flow_proposal ((true)) WHERE state = 'proposed';

CREATE TABLE conversation (
	id UUID NOT NULL,
	channel TEXT NOT NULL,
	line TEXT DEFAULT '' NOT NULL,
	scene TEXT DEFAULT '' NOT NULL,
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
	erased_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_conversation PRIMARY KEY (id),
	CONSTRAINT ck_conversation_channel CHECK (channel IN ('phone', 'wechat', 'web', 'sms')),
	CONSTRAINT ck_conversation_owner CHECK (owner IN ('bot', 'queue', 'human', 'closed')),
	CONSTRAINT ck_conversation_human_has_agent CHECK ((owner = 'human') = (agent_id IS NOT NULL)),
	CONSTRAINT fk_conversation_citizen_id FOREIGN KEY(citizen_id) REFERENCES citizen (id),
	CONSTRAINT fk_conversation_agent_id FOREIGN KEY(agent_id) REFERENCES staff (id)
);

CREATE INDEX ix_conversation_created_at ON conversation (created_at);

CREATE INDEX ix_conversation_draft ON conversation (updated_at) WHERE draft IS NOT NULL AND draft <> 'null';

CREATE INDEX ix_conversation_to_erase ON conversation (updated_at) WHERE erased_at IS NULL;

CREATE INDEX ix_conversation_waiting ON conversation (queued_at) WHERE owner IN ('queue', 'human');

CREATE UNIQUE INDEX uq_conversation_live_party ON conversation (channel, party_hash) WHERE owner <> 'closed' AND party_hash IS NOT NULL;

CREATE TABLE policy_version (
	id BIGSERIAL NOT NULL,
	key TEXT NOT NULL,
	version BIGINT NOT NULL,
	state TEXT NOT NULL,
	valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
	document JSONB NOT NULL,
	reason TEXT NOT NULL,
	proposed_by_id BIGINT,
	proposed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	decided_by_id BIGINT,
	decided_at TIMESTAMP WITH TIME ZONE,
	note TEXT NOT NULL,
	CONSTRAINT pk_policy_version PRIMARY KEY (id),
	CONSTRAINT uq_policy_version_key_version UNIQUE (key, version),
	CONSTRAINT ck_policy_version_version CHECK (version >= 1),
	CONSTRAINT ck_policy_version_state CHECK (state IN ('proposed', 'in_force', 'refused', 'withdrawn')),
	CONSTRAINT ck_policy_version_decided CHECK ((state = 'proposed') = (decided_at IS NULL)),
	CONSTRAINT ck_policy_version_two_people CHECK (state <> 'in_force' OR proposed_by_id IS NULL OR decided_by_id IS NOT NULL AND decided_by_id <> proposed_by_id),
	CONSTRAINT ck_policy_version_reason CHECK (char_length(reason) BETWEEN 1 AND 1000),
	CONSTRAINT fk_policy_version_proposed_by_id FOREIGN KEY(proposed_by_id) REFERENCES staff (id),
	CONSTRAINT fk_policy_version_decided_by_id FOREIGN KEY(decided_by_id) REFERENCES staff (id)
);

CREATE UNIQUE INDEX uq_policy_version_proposed ON policy_version (key) WHERE state = 'proposed';

CREATE TABLE notice_template (
	id BIGSERIAL NOT NULL,
	key TEXT NOT NULL,
	version BIGINT NOT NULL,
	text TEXT NOT NULL,
	sms TEXT NOT NULL,
	edited_at TIMESTAMP WITH TIME ZONE NOT NULL,
	edited_by_id BIGINT NOT NULL,
	reason TEXT NOT NULL,
	CONSTRAINT pk_notice_template PRIMARY KEY (id),
	CONSTRAINT uq_notice_template_key_version UNIQUE (key, version),
	CONSTRAINT ck_notice_template_version CHECK (version >= 2),
	CONSTRAINT fk_notice_template_edited_by_id FOREIGN KEY(edited_by_id) REFERENCES staff (id)
);

CREATE TABLE staff_preference (
	user_id BIGINT NOT NULL,
	hows JSONB DEFAULT '{}' NOT NULL,
	quiet_from TIME WITHOUT TIME ZONE,
	quiet_to TIME WITHOUT TIME ZONE,
	digest BOOLEAN,
	digest_at TIME WITHOUT TIME ZONE,
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_staff_preference PRIMARY KEY (user_id),
	CONSTRAINT ck_staff_preference_hows CHECK (jsonb_typeof(hows) = 'object'),
	CONSTRAINT ck_staff_preference_quiet_whole CHECK ((quiet_from IS NULL) = (quiet_to IS NULL)),
	CONSTRAINT fk_staff_preference_user_id FOREIGN KEY(user_id) REFERENCES staff (id) ON DELETE CASCADE
);

CREATE TABLE burst (
	id BIGSERIAL NOT NULL,
	kind TEXT NOT NULL,
	category_code TEXT NOT NULL,
	place TEXT NOT NULL,
	count BIGINT NOT NULL,
	usual DOUBLE PRECISION,
	told_count BIGINT NOT NULL,
	first_at TIMESTAMP WITH TIME ZONE NOT NULL,
	last_at TIMESTAMP WITH TIME ZONE NOT NULL,
	state TEXT NOT NULL,
	decided_at TIMESTAMP WITH TIME ZONE,
	decided_by_id BIGINT,
	note TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_burst PRIMARY KEY (id),
	CONSTRAINT ck_burst_kind CHECK (kind IN ('place', 'rise')),
	CONSTRAINT ck_burst_state CHECK (state IN ('open', 'handled', 'dismissed')),
	CONSTRAINT ck_burst_decided_has_reason CHECK (state = 'open' OR (decided_at IS NOT NULL AND char_length(note) >= 5)),
	CONSTRAINT fk_burst_category_code FOREIGN KEY(category_code) REFERENCES category (code),
	CONSTRAINT fk_burst_decided_by_id FOREIGN KEY(decided_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_burst_last_at ON burst (last_at);

CREATE INDEX ix_burst_open ON burst (category_code, last_at) WHERE state = 'open';

CREATE UNIQUE INDEX uq_burst_rise ON burst (category_code) WHERE kind = 'rise' AND state = 'open';

CREATE TABLE workflow_version (
	version BIGINT NOT NULL,
	document TEXT NOT NULL,
	sha256 TEXT NOT NULL,
	note TEXT DEFAULT '' NOT NULL,
	published_at TIMESTAMP WITH TIME ZONE NOT NULL,
	published_by_id BIGINT,
	CONSTRAINT pk_workflow_version PRIMARY KEY (version),
	CONSTRAINT fk_workflow_version_published_by_id FOREIGN KEY(published_by_id) REFERENCES staff (id)
);

CREATE TABLE duty_period (
	id BIGSERIAL NOT NULL,
	user_id BIGINT NOT NULL,
	state TEXT NOT NULL,
	reason TEXT DEFAULT '' NOT NULL,
	started_at TIMESTAMP WITH TIME ZONE NOT NULL,
	ended_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_duty_period PRIMARY KEY (id),
	CONSTRAINT fk_duty_period_user_id FOREIGN KEY(user_id) REFERENCES staff (id) ON DELETE CASCADE
);

CREATE INDEX ix_duty_period_user ON duty_period (user_id, started_at);

CREATE UNIQUE INDEX uq_duty_period_open ON duty_period (user_id) WHERE ended_at IS NULL;

CREATE TABLE duty_skill (
	user_id BIGINT NOT NULL,
	kind TEXT NOT NULL,
	code TEXT NOT NULL,
	CONSTRAINT pk_duty_skill PRIMARY KEY (user_id, kind, code),
	CONSTRAINT ck_duty_skill_kind CHECK (kind IN ('line', 'language', 'dialect')),
	CONSTRAINT fk_duty_skill_user_id FOREIGN KEY(user_id) REFERENCES staff (id) ON DELETE CASCADE
);

CREATE TABLE duty_shift (
	id BIGSERIAL NOT NULL,
	user_id BIGINT NOT NULL,
	starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
	ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	created_by_id BIGINT NOT NULL,
	CONSTRAINT pk_duty_shift PRIMARY KEY (id),
	CONSTRAINT ck_duty_shift_period CHECK (ends_at > starts_at),
	CONSTRAINT fk_duty_shift_user_id FOREIGN KEY(user_id) REFERENCES staff (id) ON DELETE CASCADE,
	CONSTRAINT fk_duty_shift_created_by_id FOREIGN KEY(created_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_duty_shift_ends_at ON duty_shift (ends_at);

CREATE INDEX ix_duty_shift_user_id ON duty_shift (user_id, starts_at);

CREATE TABLE exchange_partner (
	id BIGSERIAL NOT NULL,
	unit_id BIGINT NOT NULL,
	name TEXT NOT NULL,
	url TEXT NOT NULL,
	secret_sealed BYTEA NOT NULL,
	payload_version BIGINT NOT NULL,
	active BOOLEAN NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	created_by_id BIGINT,
	CONSTRAINT pk_exchange_partner PRIMARY KEY (id),
	CONSTRAINT uq_exchange_partner_unit_id UNIQUE (unit_id),
	CONSTRAINT ck_exchange_partner_payload_version CHECK (payload_version = 1),
	CONSTRAINT ck_exchange_partner_url_length CHECK (char_length(url) BETWEEN 10 AND 500),
	CONSTRAINT fk_exchange_partner_unit_id FOREIGN KEY(unit_id) REFERENCES unit (id),
	CONSTRAINT fk_exchange_partner_created_by_id FOREIGN KEY(created_by_id) REFERENCES staff (id)
);

CREATE TABLE list_choice (
	user_id BIGINT NOT NULL,
	views JSONB DEFAULT '[]' NOT NULL,
	default_view BIGINT,
	next_id BIGINT DEFAULT '1' NOT NULL,
	columns JSONB DEFAULT '{}' NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_list_choice PRIMARY KEY (user_id),
	CONSTRAINT ck_list_choice_views CHECK (jsonb_array_length(views) <= 20),
	CONSTRAINT ck_list_choice_columns CHECK (jsonb_typeof(columns) = 'object'),
	CONSTRAINT fk_list_choice_user_id FOREIGN KEY(user_id) REFERENCES staff (id) ON DELETE CASCADE
);

CREATE TABLE quality_book (
	version BIGINT NOT NULL,
	document TEXT NOT NULL,
	note TEXT NOT NULL,
	published_at TIMESTAMP WITH TIME ZONE NOT NULL,
	published_by_id BIGINT NOT NULL,
	CONSTRAINT pk_quality_book PRIMARY KEY (version),
	CONSTRAINT fk_quality_book_published_by_id FOREIGN KEY(published_by_id) REFERENCES staff (id)
);

CREATE TABLE sip_account (
	id BIGSERIAL NOT NULL,
	user_id BIGINT NOT NULL,
	extension TEXT NOT NULL,
	ha1 TEXT NOT NULL,
	issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_sip_account PRIMARY KEY (id),
	CONSTRAINT uq_sip_account_user_id UNIQUE (user_id),
	CONSTRAINT uq_sip_account_extension UNIQUE (extension),
	CONSTRAINT ck_sip_account_extension CHECK (extension ~ '^[2-8][0-9]{3}$'),
	CONSTRAINT ck_sip_account_ha1 CHECK (ha1 ~ '^[0-9a-f]{32}$'),
	CONSTRAINT fk_sip_account_user_id FOREIGN KEY(user_id) REFERENCES staff (id) ON DELETE CASCADE
);

CREATE VIEW sip_subscriber AS
SELECT sip_account.extension AS username, sip_account.ha1
FROM sip_account JOIN staff ON staff.id = sip_account.user_id
WHERE staff.active;

CREATE TABLE brief (
	id BIGSERIAL NOT NULL,
	kind TEXT NOT NULL,
	first DATE NOT NULL,
	last DATE NOT NULL,
	line TEXT NOT NULL,
	version BIGINT NOT NULL,
	issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
	issued_by_id BIGINT,
	reason TEXT NOT NULL,
	content JSONB NOT NULL,
	CONSTRAINT pk_brief PRIMARY KEY (id),
	CONSTRAINT ck_brief_kind CHECK (kind IN ('day', 'week', 'month', 'year')),
	CONSTRAINT ck_brief_version CHECK (version >= 1),
	CONSTRAINT ck_brief_runs_forward CHECK (last >= first),
	CONSTRAINT uq_brief_kind_first_line_version UNIQUE (kind, first, line, version),
	CONSTRAINT fk_brief_issued_by_id FOREIGN KEY(issued_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_brief_issued_at ON brief (issued_at);

CREATE FUNCTION refuse_brief_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an issued brief is never changed: issue a new version' USING ERRCODE = 'check_violation';
END
$$;

CREATE TRIGGER brief_immutable BEFORE UPDATE OR DELETE ON brief FOR EACH ROW EXECUTE FUNCTION refuse_brief_change();

CREATE TABLE import_job (
	id UUID NOT NULL,
	kind TEXT NOT NULL,
	file_name TEXT NOT NULL,
	sha256 TEXT NOT NULL,
	content_sealed BYTEA,
	made_by_id BIGINT NOT NULL,
	made_at TIMESTAMP WITH TIME ZONE NOT NULL,
	state TEXT NOT NULL,
	decided_at TIMESTAMP WITH TIME ZONE,
	counts JSONB DEFAULT '{}' NOT NULL,
	CONSTRAINT pk_import_job PRIMARY KEY (id),
	CONSTRAINT ck_import_job_state CHECK (state IN ('waiting', 'applied', 'dropped')),
	CONSTRAINT ck_import_job_waiting_has_content CHECK ((state = 'waiting') = (content_sealed IS NOT NULL)),
	CONSTRAINT fk_import_job_made_by_id FOREIGN KEY(made_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_import_job_waiting ON import_job (made_at) WHERE state = 'waiting';

CREATE TABLE dispatch_rule (
	id BIGSERIAL NOT NULL,
	category_code TEXT NOT NULL,
	words TEXT DEFAULT '' NOT NULL,
	district TEXT,
	street TEXT,
	line TEXT,
	lead_unit_id BIGINT NOT NULL,
	co_unit_ids BIGINT[] DEFAULT '{}' NOT NULL,
	handling_kind TEXT,
	dispatch_mode TEXT DEFAULT 'phone' NOT NULL,
	valid_from DATE NOT NULL,
	note TEXT DEFAULT '' NOT NULL,
	active BOOLEAN DEFAULT true NOT NULL,
	version BIGINT NOT NULL,
	CONSTRAINT pk_dispatch_rule PRIMARY KEY (id),
	CONSTRAINT ck_dispatch_rule_handling_kind CHECK (handling_kind IS NULL OR handling_kind IN ('on_spot', 'promised', 'joint', 'hard')),
	CONSTRAINT ck_dispatch_rule_dispatch_mode CHECK (dispatch_mode IN ('phone', 'written', 'leader')),
	CONSTRAINT ck_dispatch_rule_lead_is_no_co_unit CHECK (lead_unit_id <> ALL (co_unit_ids)),
	CONSTRAINT ck_dispatch_rule_version CHECK (version >= 1),
	CONSTRAINT fk_dispatch_rule_category_code FOREIGN KEY(category_code) REFERENCES category (code),
	CONSTRAINT fk_dispatch_rule_lead_unit_id FOREIGN KEY(lead_unit_id) REFERENCES unit (id)
);

CREATE UNIQUE INDEX uq_dispatch_rule_case ON dispatch_rule (category_code, coalesce(district, ''), coalesce(street, ''), coalesce(line, ''), words, valid_from) WHERE active;

CREATE TABLE workflow_proposal (
	id BIGSERIAL NOT NULL,
	version BIGINT NOT NULL,
	document TEXT NOT NULL,
	state TEXT NOT NULL,
	reason TEXT NOT NULL,
	proposed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	proposed_by_id BIGINT NOT NULL,
	decided_at TIMESTAMP WITH TIME ZONE,
	decided_by_id BIGINT,
	note TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_workflow_proposal PRIMARY KEY (id),
	CONSTRAINT ck_workflow_proposal_state CHECK (state IN ('proposed', 'published', 'refused', 'withdrawn')),
	CONSTRAINT ck_workflow_proposal_decided CHECK ((state = 'proposed') = (decided_at IS NULL)),
	CONSTRAINT ck_workflow_proposal_two_people CHECK (state NOT IN ('published', 'refused') OR decided_by_id IS NOT NULL AND decided_by_id <> proposed_by_id),
	CONSTRAINT fk_workflow_proposal_proposed_by_id FOREIGN KEY(proposed_by_id) REFERENCES staff (id),
	CONSTRAINT fk_workflow_proposal_decided_by_id FOREIGN KEY(decided_by_id) REFERENCES staff (id)
);

CREATE UNIQUE INDEX uq_workflow_proposal_waiting ON workflow_proposal ((true)) WHERE state = 'proposed';

CREATE TABLE webhook_subscription (
	id BIGSERIAL NOT NULL,
	name TEXT NOT NULL,
	url TEXT NOT NULL,
	events JSONB NOT NULL,
	secret_sealed BYTEA NOT NULL,
	active BOOLEAN NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	created_by_id BIGINT,
	CONSTRAINT pk_webhook_subscription PRIMARY KEY (id),
	CONSTRAINT ck_webhook_subscription_url_length CHECK (char_length(url) BETWEEN 10 AND 500),
	CONSTRAINT ck_webhook_subscription_events CHECK (jsonb_array_length(events) BETWEEN 1 AND 50),
	CONSTRAINT fk_webhook_subscription_created_by_id FOREIGN KEY(created_by_id) REFERENCES staff (id)
);

CREATE TABLE poster_scan (
	source BIGSERIAL NOT NULL,
	poster_id BIGINT NOT NULL,
	scanned_at TIMESTAMP WITH TIME ZONE NOT NULL,
	newcomer BOOLEAN NOT NULL,
	CONSTRAINT pk_poster_scan PRIMARY KEY (source),
	CONSTRAINT fk_poster_scan_poster_id FOREIGN KEY(poster_id) REFERENCES poster (id)
);

CREATE INDEX ix_poster_scan_poster_id ON poster_scan (poster_id, newcomer);

CREATE TABLE article (
	id BIGSERIAL NOT NULL,
	slug TEXT NOT NULL,
	version BIGINT NOT NULL,
	state TEXT NOT NULL,
	draft_version BIGINT,
	draft_state TEXT,
	kind TEXT NOT NULL,
	title TEXT NOT NULL,
	scene TEXT NOT NULL,
	also_scenes JSONB DEFAULT '[]' NOT NULL,
	district TEXT DEFAULT '' NOT NULL,
	audiences JSONB DEFAULT '[]' NOT NULL,
	questions JSONB NOT NULL,
	spoken TEXT NOT NULL,
	spoken_parts JSONB DEFAULT '{}' NOT NULL,
	body JSONB NOT NULL,
	files JSONB DEFAULT '[]' NOT NULL,
	unit_id BIGINT,
	topic_id BIGINT,
	source TEXT DEFAULT '' NOT NULL,
	sample_data BOOLEAN NOT NULL,
	checked_on DATE NOT NULL,
	valid_from DATE NOT NULL,
	valid_until DATE,
	review_on DATE,
	search TSVECTOR NOT NULL,
	ranked BYTEA,
	indexed_by TEXT DEFAULT '' NOT NULL,
	used_count BIGINT NOT NULL,
	wrong_count BIGINT DEFAULT 0 NOT NULL,
	helpful_count BIGINT DEFAULT 0 NOT NULL,
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_article PRIMARY KEY (id),
	CONSTRAINT ck_article_state CHECK (state IN ('collected', 'editing', 'unit_review', 'centre_review', 'scheduled', 'published', 'due_for_review', 'revised', 'expired', 'recalled')),
	CONSTRAINT ck_article_draft_state CHECK (draft_state IN ('collected', 'editing', 'unit_review', 'centre_review', 'scheduled', 'published', 'due_for_review', 'revised', 'expired', 'recalled')),
	CONSTRAINT ck_article_draft CHECK ((draft_state IS NULL) = (draft_version IS NULL)),
	CONSTRAINT ck_article_kind CHECK (kind IN ('guide', 'question', 'notice', 'emergency')),
	CONSTRAINT ck_article_validity CHECK (valid_until IS NULL OR valid_until >= valid_from),
	CONSTRAINT ck_article_spoken_length CHECK (char_length(spoken) <= 300 AND (spoken <> '' OR state NOT IN ('published', 'due_for_review'))),
	CONSTRAINT uq_article_slug UNIQUE (slug),
	CONSTRAINT fk_article_unit_id FOREIGN KEY(unit_id) REFERENCES unit (id),
	CONSTRAINT fk_article_topic_id FOREIGN KEY(topic_id) REFERENCES knowledge_topic (id)
);

CREATE INDEX ix_article_draft_state ON article (draft_state) WHERE draft_state IS NOT NULL;

CREATE INDEX ix_article_indexed_by ON article (indexed_by);

CREATE INDEX ix_article_published ON article (scene) WHERE state IN ('published', 'due_for_review');

CREATE INDEX ix_article_review_on ON article (review_on) WHERE state IN ('published', 'due_for_review');

CREATE INDEX ix_article_search ON article USING gin (search);

CREATE INDEX ix_article_topic_id ON article (topic_id) WHERE topic_id IS NOT NULL;

CREATE INDEX ix_article_unit_id ON article (unit_id);

CREATE INDEX ix_article_updated_at ON article (updated_at);

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

CREATE INDEX ix_inbound_message_conversation_id ON inbound_message (conversation_id);

CREATE INDEX ix_inbound_message_open ON inbound_message (received_at) WHERE state <> 'answered';

CREATE INDEX ix_inbound_message_received_at ON inbound_message (received_at);

CREATE TABLE call (
	id UUID NOT NULL,
	conversation_id UUID NOT NULL,
	direction TEXT NOT NULL,
	sip_call_id TEXT NOT NULL,
	called TEXT NOT NULL,
	citizen_id BIGINT,
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
	CONSTRAINT ck_call_state CHECK (state IN ('bot', 'queued', 'talking', 'ended')),
	CONSTRAINT ck_call_direction CHECK (direction IN ('in', 'out')),
	CONSTRAINT ck_call_ended_has_time CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
	CONSTRAINT fk_call_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversation (id),
	CONSTRAINT fk_call_citizen_id FOREIGN KEY(citizen_id) REFERENCES citizen (id)
);

CREATE INDEX ix_call_caller ON call (ended_at) WHERE caller_sealed IS NOT NULL;

CREATE INDEX ix_call_citizen_id ON call (citizen_id);

CREATE INDEX ix_call_conversation_id ON call (conversation_id);

CREATE INDEX ix_call_live ON call (state) WHERE state <> 'ended';

CREATE INDEX ix_call_recording ON call (ended_at) WHERE recording_path IS NOT NULL;

CREATE INDEX ix_call_started_at ON call (started_at);

CREATE INDEX ix_call_unheard ON call (ended_at) WHERE transcriber IS NULL AND recording_path IS NOT NULL;

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
	legal_limit TEXT DEFAULT '' NOT NULL,
	reported_unit_id BIGINT,
	dispatch_mode TEXT,
	leader_days BIGINT,
	policy_key TEXT,
	policy_version BIGINT,
	received_at TIMESTAMP WITH TIME ZONE NOT NULL,
	dispatched_at TIMESTAMP WITH TIME ZONE,
	closed_at TIMESTAMP WITH TIME ZONE,
	updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
	anonymised_at TIMESTAMP WITH TIME ZONE,
	round BIGINT NOT NULL,
	repeat_of_id BIGINT,
	repeat_level BIGINT DEFAULT '1' NOT NULL,
	master_id BIGINT,
	interest_count BIGINT DEFAULT '1' NOT NULL,
	info_requests BIGINT DEFAULT '0' NOT NULL,
	refusal_reason TEXT,
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
	next_due_at TIMESTAMP WITH TIME ZONE,
	next_white_at TIMESTAMP WITH TIME ZONE,
	next_yellow_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_ticket PRIMARY KEY (id),
	CONSTRAINT ck_ticket_state CHECK (state IN ('draft', 'registered', 'need_info', 'rejected', 'emergency_out', 'answered', 'to_dispatch', 'in_progress', 'disputed', 'suspended', 'reply_review', 'callback', 'closed', 'archived', 'merged', 'withdrawn', 'invalid')),
	CONSTRAINT ck_ticket_channel CHECK (channel IN ('phone', 'wechat', 'web', 'sms', 'open311', 'staff')),
	CONSTRAINT ck_ticket_kind CHECK (kind IN ('consult', 'help', 'complaint', 'report', 'suggestion', 'praise')),
	CONSTRAINT ck_ticket_urgency CHECK (urgency IN ('normal', 'urgent', 'emergency')),
	CONSTRAINT ck_ticket_confidentiality CHECK (confidentiality IN ('open', 'masked', 'secret')),
	CONSTRAINT ck_ticket_dispatch_mode CHECK (dispatch_mode IS NULL OR dispatch_mode IN ('phone', 'written', 'leader')),
	CONSTRAINT ck_ticket_satisfaction CHECK (satisfaction IS NULL OR satisfaction IN ('very_satisfied', 'satisfied', 'dissatisfied')),
	CONSTRAINT ck_ticket_closed_after_callback CHECK (state NOT IN ('closed', 'archived') OR satisfaction IS NOT NULL OR no_callback_reason IS NOT NULL),
	CONSTRAINT ck_ticket_closed_has_time CHECK ((state IN ('closed', 'archived')) <= (closed_at IS NOT NULL)),
	CONSTRAINT ck_ticket_answered_has_answer CHECK (state <> 'answered' OR answer IS NOT NULL),
	CONSTRAINT ck_ticket_rejected_has_reason CHECK (state <> 'rejected' OR refusal_reason IS NOT NULL),
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

CREATE INDEX ix_ticket_category_state ON ticket (category_code, state, next_due_at, id) WHERE next_due_at IS NOT NULL;

CREATE INDEX ix_ticket_citizen_id ON ticket (citizen_id);

CREATE INDEX ix_ticket_closed ON ticket (closed_at, id) WHERE state IN ('closed', 'archived');

CREATE INDEX ix_ticket_closed_at ON ticket (closed_at) WHERE closed_at IS NOT NULL;

CREATE INDEX ix_ticket_conversation_id ON ticket (conversation_id);

CREATE INDEX ix_ticket_created_by_closed ON ticket (created_by_id, closed_at, id) WHERE created_by_id IS NOT NULL AND state IN ('closed', 'archived');

CREATE INDEX ix_ticket_created_by_id ON ticket (created_by_id, id) WHERE created_by_id IS NOT NULL;

CREATE INDEX ix_ticket_created_by_next_due ON ticket (created_by_id, next_due_at, id) WHERE next_due_at IS NOT NULL;

CREATE INDEX ix_ticket_created_by_state ON ticket (created_by_id, state, next_due_at, id) WHERE created_by_id IS NOT NULL;

CREATE INDEX ix_ticket_day ON ticket (((received_at AT TIME ZONE 'Asia/Shanghai')::date), id);

CREATE INDEX ix_ticket_day_next_due ON ticket (((received_at AT TIME ZONE 'Asia/Shanghai')::date), next_due_at, id) WHERE next_due_at IS NOT NULL;

CREATE INDEX ix_ticket_day_state ON ticket (((received_at AT TIME ZONE 'Asia/Shanghai')::date), state, next_due_at, id);

CREATE INDEX ix_ticket_early_yellow ON ticket (next_yellow_at, next_due_at) WHERE next_yellow_at < next_due_at;

CREATE INDEX ix_ticket_emergency ON ticket (next_due_at, id) WHERE (urgency = 'emergency' OR state = 'emergency_out') AND state IN ('draft', 'registered', 'need_info', 'emergency_out', 'answered', 'to_dispatch', 'in_progress', 'disputed', 'suspended', 'reply_review', 'callback');

CREATE INDEX ix_ticket_master_id ON ticket (master_id) WHERE master_id IS NOT NULL;

CREATE INDEX ix_ticket_named ON ticket USING gin ((extra -> 'named')) WHERE extra ? 'named';

CREATE INDEX ix_ticket_next_due ON ticket (next_due_at, id) WHERE next_due_at IS NOT NULL;

CREATE INDEX ix_ticket_number_end ON ticket (reverse(number) text_pattern_ops);

CREATE INDEX ix_ticket_open ON ticket (state, received_at) WHERE state NOT IN ('closed', 'archived');

CREATE INDEX ix_ticket_received_at ON ticket (received_at);

CREATE INDEX ix_ticket_repeat_of_id ON ticket (repeat_of_id) WHERE repeat_of_id IS NOT NULL;

CREATE INDEX ix_ticket_scene ON ticket ((extra ->> 'scene')) WHERE extra ? 'scene';

CREATE INDEX ix_ticket_state_next_due ON ticket (state, next_due_at, id) WHERE next_due_at IS NOT NULL;

CREATE INDEX ix_ticket_to_anonymise ON ticket (closed_at) WHERE state = 'archived' AND anonymised_at IS NULL;

CREATE INDEX ix_ticket_to_archive ON ticket (closed_at) WHERE state = 'closed';

CREATE UNIQUE INDEX uq_ticket_migrated_key ON ticket ((extra ->> 'migrated_key')) WHERE extra ? 'migrated_key';

CREATE TABLE ticket_draft (
	id UUID NOT NULL,
	owner_id BIGINT NOT NULL,
	conversation_id UUID,
	form_sealed BYTEA NOT NULL,
	saved_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_ticket_draft PRIMARY KEY (id),
	CONSTRAINT fk_ticket_draft_owner_id FOREIGN KEY(owner_id) REFERENCES staff (id),
	CONSTRAINT fk_ticket_draft_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversation (id)
);

CREATE INDEX ix_ticket_draft_owner_id ON ticket_draft (owner_id, saved_at);

CREATE INDEX ix_ticket_draft_saved_at ON ticket_draft (saved_at);

CREATE TABLE article_version (
	id BIGSERIAL NOT NULL,
	article_id BIGINT NOT NULL,
	version BIGINT NOT NULL,
	state TEXT NOT NULL,
	content JSONB NOT NULL,
	note TEXT DEFAULT '' NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	author_id BIGINT,
	unit_reviewer_id BIGINT,
	unit_note TEXT DEFAULT '' NOT NULL,
	reviewer_id BIGINT,
	publish_at TIMESTAMP WITH TIME ZONE,
	published_at TIMESTAMP WITH TIME ZONE,
	ended_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_article_version PRIMARY KEY (id),
	CONSTRAINT uq_article_version_article_id_version UNIQUE (article_id, version),
	CONSTRAINT ck_article_version_state CHECK (state IN ('collected', 'editing', 'unit_review', 'centre_review', 'scheduled', 'published', 'due_for_review', 'revised', 'expired', 'recalled')),
	CONSTRAINT ck_article_version_scheduled CHECK ((state = 'scheduled') = (publish_at IS NOT NULL)),
	CONSTRAINT fk_article_version_article_id FOREIGN KEY(article_id) REFERENCES article (id) ON DELETE CASCADE,
	CONSTRAINT fk_article_version_author_id FOREIGN KEY(author_id) REFERENCES staff (id),
	CONSTRAINT fk_article_version_unit_reviewer_id FOREIGN KEY(unit_reviewer_id) REFERENCES staff (id),
	CONSTRAINT fk_article_version_reviewer_id FOREIGN KEY(reviewer_id) REFERENCES staff (id)
);

CREATE INDEX ix_article_version_publish_at ON article_version (publish_at) WHERE state = 'scheduled';

CREATE UNIQUE INDEX uq_article_version_live ON article_version (article_id) WHERE state IN ('published', 'due_for_review');

CREATE UNIQUE INDEX uq_article_version_work ON article_version (article_id) WHERE state IN ('collected', 'editing', 'unit_review', 'centre_review', 'scheduled');

CREATE TABLE gap (
	id BIGSERIAL NOT NULL,
	state TEXT NOT NULL,
	count BIGINT NOT NULL,
	count_at_close BIGINT NOT NULL,
	first_at TIMESTAMP WITH TIME ZONE NOT NULL,
	last_at TIMESTAMP WITH TIME ZONE NOT NULL,
	article_id BIGINT,
	article_version BIGINT,
	reason TEXT NOT NULL,
	closed_at TIMESTAMP WITH TIME ZONE,
	closed_by_id BIGINT,
	reopened BIGINT NOT NULL,
	CONSTRAINT pk_gap PRIMARY KEY (id),
	CONSTRAINT ck_gap_state CHECK (state IN ('open', 'covered', 'no_need')),
	CONSTRAINT ck_gap_covered_by_article CHECK (state <> 'covered' OR article_id IS NOT NULL),
	CONSTRAINT ck_gap_no_need_has_reason CHECK (state <> 'no_need' OR char_length(reason) > 0),
	CONSTRAINT fk_gap_article_id FOREIGN KEY(article_id) REFERENCES article (id),
	CONSTRAINT fk_gap_closed_by_id FOREIGN KEY(closed_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_gap_last_at ON gap (last_at);

CREATE INDEX ix_gap_list ON gap (state, count DESC, last_at DESC);

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
	parent_id BIGINT,
	by_ruling BOOLEAN DEFAULT false NOT NULL,
	waived_reason TEXT DEFAULT '' NOT NULL,
	responsible_leader TEXT DEFAULT '' NOT NULL,
	responsible_person TEXT DEFAULT '' NOT NULL,
	quality_standard TEXT DEFAULT '' NOT NULL,
	procedure_result TEXT DEFAULT '' NOT NULL,
	procedure_ended_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_assignment PRIMARY KEY (id),
	CONSTRAINT ck_assignment_state CHECK (state IN ('assigned', 'signed', 'working', 'unit_review', 'replied', 'accepted', 'returned', 'cancelled', 'redo')),
	CONSTRAINT fk_assignment_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_assignment_unit_id FOREIGN KEY(unit_id) REFERENCES unit (id),
	CONSTRAINT fk_assignment_assigned_by_id FOREIGN KEY(assigned_by_id) REFERENCES staff (id),
	CONSTRAINT fk_assignment_signed_by_id FOREIGN KEY(signed_by_id) REFERENCES staff (id),
	CONSTRAINT fk_assignment_parent_id FOREIGN KEY(parent_id) REFERENCES assignment (id)
);

CREATE INDEX ix_assignment_accepted_at ON assignment (accepted_at) WHERE accepted_at IS NOT NULL;

CREATE INDEX ix_assignment_assigned_at ON assignment (assigned_at);

CREATE INDEX ix_assignment_ticket_id ON assignment (ticket_id);

CREATE INDEX ix_assignment_unit_state ON assignment (unit_id, state);

CREATE INDEX ix_assignment_unit_tickets ON assignment (unit_id, ticket_id) WHERE state NOT IN ('returned', 'cancelled');

CREATE UNIQUE INDEX uq_assignment_one_lead ON assignment (ticket_id) WHERE lead AND state NOT IN ('returned', 'cancelled');

CREATE TABLE callback_task (
	id BIGSERIAL NOT NULL,
	ticket_id BIGINT NOT NULL,
	round BIGINT NOT NULL,
	kind TEXT DEFAULT 'callback' NOT NULL,
	state TEXT NOT NULL,
	plan TEXT DEFAULT 'clerk' NOT NULL,
	rule TEXT DEFAULT '' NOT NULL,
	rules_version BIGINT DEFAULT '0' NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	next_attempt_at TIMESTAMP WITH TIME ZONE,
	skip_at TIMESTAMP WITH TIME ZONE,
	attempts BIGINT DEFAULT '0' NOT NULL,
	first_attempt_day DATE,
	last_attempt_day DATE,
	claim UUID,
	claimed_until TIMESTAMP WITH TIME ZONE,
	claimed_by_id BIGINT,
	finished_at TIMESTAMP WITH TIME ZONE,
	satisfaction TEXT,
	solved BOOLEAN,
	contacted BOOLEAN,
	attitude TEXT,
	note TEXT NOT NULL,
	by TEXT NOT NULL,
	questionnaire BIGINT DEFAULT '0' NOT NULL,
	user_id BIGINT,
	CONSTRAINT pk_callback_task PRIMARY KEY (id),
	CONSTRAINT ck_callback_task_state CHECK (state IN ('open', 'reached', 'unreached', 'refused', 'skipped', 'cancelled')),
	CONSTRAINT ck_callback_task_kind CHECK (kind IN ('callback', 'evaluation')),
	CONSTRAINT ck_callback_task_plan CHECK (plan IN ('clerk', 'robot', 'sms', 'wechat', 'none')),
	CONSTRAINT ck_callback_task_satisfaction CHECK (satisfaction IS NULL OR satisfaction IN ('very_satisfied', 'satisfied', 'dissatisfied')),
	CONSTRAINT ck_callback_task_reached_has_satisfaction CHECK (state <> 'reached' OR satisfaction IS NOT NULL),
	CONSTRAINT ck_callback_task_finished_has_time CHECK ((state = 'open') = (finished_at IS NULL)),
	CONSTRAINT ck_callback_task_round CHECK (round >= 1),
	CONSTRAINT ck_callback_task_unreached_was_tried CHECK (state <> 'unreached' OR (attempts >= 3 AND last_attempt_day > first_attempt_day)),
	CONSTRAINT ck_callback_task_attempts_have_days CHECK ((attempts = 0) = (first_attempt_day IS NULL)),
	CONSTRAINT ck_callback_task_claim_ends CHECK ((claim IS NULL) = (claimed_until IS NULL)),
	CONSTRAINT ck_callback_task_claim_is_open CHECK (state = 'open' OR claim IS NULL),
	CONSTRAINT uq_callback_task_ticket_id_round_kind UNIQUE (ticket_id, round, kind),
	CONSTRAINT fk_callback_task_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_callback_task_claimed_by_id FOREIGN KEY(claimed_by_id) REFERENCES staff (id),
	CONSTRAINT fk_callback_task_user_id FOREIGN KEY(user_id) REFERENCES staff (id)
);

CREATE INDEX ix_callback_task_claimed ON callback_task (claimed_until) WHERE state = 'open' AND claim IS NOT NULL;

CREATE INDEX ix_callback_task_finished ON callback_task (finished_at) WHERE finished_at IS NOT NULL;

CREATE INDEX ix_callback_task_next ON callback_task (next_attempt_at, id) WHERE state = 'open';

CREATE INDEX ix_callback_task_queue ON callback_task (plan, next_attempt_at, id) WHERE state = 'open';

CREATE INDEX ix_callback_task_skip ON callback_task (skip_at) WHERE state = 'open' AND skip_at IS NOT NULL;

CREATE INDEX ix_callback_task_user_finished ON callback_task (user_id, finished_at);

CREATE UNIQUE INDEX uq_callback_task_evaluation ON callback_task (ticket_id) WHERE kind = 'evaluation';

CREATE UNIQUE INDEX uq_callback_task_open ON callback_task (ticket_id) WHERE state = 'open';

CREATE TABLE callback_link (
	id BIGSERIAL NOT NULL,
	token_hash TEXT NOT NULL,
	ticket_id BIGINT NOT NULL,
	round BIGINT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	used_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_callback_link PRIMARY KEY (id),
	CONSTRAINT uq_callback_link_token_hash UNIQUE (token_hash),
	CONSTRAINT ck_callback_link_expires_later CHECK (expires_at > created_at),
	CONSTRAINT fk_callback_link_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE
);

CREATE INDEX ix_callback_link_ticket_id ON callback_link (ticket_id, round);

CREATE TABLE return_call (
	id BIGSERIAL NOT NULL,
	call_id UUID NOT NULL,
	ticket_id BIGINT NOT NULL,
	reason TEXT NOT NULL,
	state TEXT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	due_at TIMESTAMP WITH TIME ZONE NOT NULL,
	attempts BIGINT DEFAULT '0' NOT NULL,
	next_attempt_at TIMESTAMP WITH TIME ZONE,
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

CREATE INDEX ix_return_call_due_at ON return_call (due_at);

CREATE INDEX ix_return_call_open ON return_call (due_at) WHERE state = 'open';

CREATE UNLOGGED TABLE caption (
	call_id UUID NOT NULL,
	speaker TEXT NOT NULL,
	text TEXT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_caption PRIMARY KEY (call_id, speaker),
	CONSTRAINT ck_caption_speaker CHECK (speaker IN ('citizen', 'agent')),
	CONSTRAINT fk_caption_call_id FOREIGN KEY(call_id) REFERENCES call (id) ON DELETE CASCADE
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

CREATE INDEX ix_message_article_id ON message (article_id, id) WHERE article_id IS NOT NULL;

CREATE INDEX ix_message_conversation_id ON message (conversation_id, id);

CREATE INDEX ix_message_told ON message (at) WHERE article_id IS NOT NULL;

CREATE TABLE ticket_words (
	ticket_id BIGINT NOT NULL,
	cells INTEGER[] NOT NULL,
	CONSTRAINT pk_ticket_words PRIMARY KEY (ticket_id),
	CONSTRAINT fk_ticket_words_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE
);

CREATE INDEX ix_ticket_words_cells ON ticket_words USING gin (cells) WITH (fastupdate = off);

CREATE TABLE notice (
	id BIGSERIAL NOT NULL,
	ticket_id BIGINT NOT NULL,
	template TEXT NOT NULL,
	template_version BIGINT NOT NULL,
	event TEXT NOT NULL,
	text_sealed BYTEA,
	text TEXT,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_notice PRIMARY KEY (id),
	CONSTRAINT ck_notice_text_once CHECK ((text_sealed IS NULL) <> (text IS NULL)),
	CONSTRAINT fk_notice_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE
);

CREATE INDEX ix_notice_ticket_id ON notice (ticket_id, id);

CREATE TABLE rectification (
	id BIGSERIAL NOT NULL,
	ticket_id BIGINT NOT NULL,
	unit_id BIGINT,
	state TEXT NOT NULL,
	opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
	due_at TIMESTAMP WITH TIME ZONE NOT NULL,
	cause TEXT DEFAULT '' NOT NULL,
	measure TEXT DEFAULT '' NOT NULL,
	done_at TIMESTAMP WITH TIME ZONE,
	done_by_id BIGINT,
	confirmed_at TIMESTAMP WITH TIME ZONE,
	confirmed_by_id BIGINT,
	note TEXT DEFAULT '' NOT NULL,
	overdue_told_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_rectification PRIMARY KEY (id),
	CONSTRAINT ck_rectification_state CHECK (state IN ('open', 'done', 'confirmed', 'dropped')),
	CONSTRAINT ck_rectification_done_has_text CHECK (state NOT IN ('done', 'confirmed') OR (char_length(cause) >= 5 AND char_length(measure) >= 10)),
	CONSTRAINT ck_rectification_confirmed_by_another CHECK (state <> 'confirmed' OR confirmed_by_id IS DISTINCT FROM done_by_id),
	CONSTRAINT fk_rectification_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_rectification_unit_id FOREIGN KEY(unit_id) REFERENCES unit (id),
	CONSTRAINT fk_rectification_done_by_id FOREIGN KEY(done_by_id) REFERENCES staff (id),
	CONSTRAINT fk_rectification_confirmed_by_id FOREIGN KEY(confirmed_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_rectification_open ON rectification (due_at) WHERE state IN ('open', 'done');

CREATE INDEX ix_rectification_unit_id ON rectification (unit_id, id);

CREATE UNIQUE INDEX uq_rectification_open ON rectification (ticket_id, unit_id) NULLS NOT DISTINCT WHERE state IN ('open', 'done');

CREATE TABLE staff_notice (
	id BIGSERIAL NOT NULL,
	user_id BIGINT NOT NULL,
	kind TEXT NOT NULL,
	ticket_id BIGINT,
	how TEXT DEFAULT 'now' NOT NULL,
	data JSONB DEFAULT '{}' NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	not_before TIMESTAMP WITH TIME ZONE NOT NULL,
	read_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_staff_notice PRIMARY KEY (id),
	CONSTRAINT ck_staff_notice_how CHECK (how IN ('now', 'digest', 'list')),
	CONSTRAINT fk_staff_notice_user_id FOREIGN KEY(user_id) REFERENCES staff (id) ON DELETE CASCADE,
	CONSTRAINT fk_staff_notice_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE
);

CREATE INDEX ix_staff_notice_ticket_id ON staff_notice (ticket_id);

CREATE INDEX ix_staff_notice_unread ON staff_notice (user_id, how, not_before) WHERE read_at IS NULL;

CREATE INDEX ix_staff_notice_user_id ON staff_notice (user_id, id);

CREATE TABLE urging (
	id BIGSERIAL NOT NULL,
	ticket_id BIGINT NOT NULL,
	by TEXT NOT NULL,
	user_id BIGINT,
	note TEXT DEFAULT '' NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_urging PRIMARY KEY (id),
	CONSTRAINT ck_urging_by CHECK (by IN ('citizen', 'agent', 'dispatcher', 'supervisor', 'leader')),
	CONSTRAINT fk_urging_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_urging_user_id FOREIGN KEY(user_id) REFERENCES staff (id)
);

CREATE INDEX ix_urging_at ON urging (at);

CREATE INDEX ix_urging_ticket_id ON urging (ticket_id, at);

CREATE TABLE formal_supervision (
	id BIGSERIAL NOT NULL,
	number TEXT NOT NULL,
	ticket_id BIGINT NOT NULL,
	unit_id BIGINT NOT NULL,
	ordered_by TEXT NOT NULL,
	instruction TEXT DEFAULT '' NOT NULL,
	demands TEXT NOT NULL,
	state TEXT NOT NULL,
	issued_at TIMESTAMP WITH TIME ZONE NOT NULL,
	issued_by_id BIGINT NOT NULL,
	due_at TIMESTAMP WITH TIME ZONE NOT NULL,
	answer TEXT,
	answered_at TIMESTAMP WITH TIME ZONE,
	answered_by_id BIGINT,
	conclusion TEXT,
	concluded_at TIMESTAMP WITH TIME ZONE,
	concluded_by_id BIGINT,
	sent_back BIGINT DEFAULT '0' NOT NULL,
	overdue_told_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_formal_supervision PRIMARY KEY (id),
	CONSTRAINT ck_formal_supervision_state CHECK (state IN ('issued', 'answered', 'concluded', 'withdrawn')),
	CONSTRAINT ck_formal_supervision_answered_has_text CHECK (state NOT IN ('answered', 'concluded') OR answer IS NOT NULL),
	CONSTRAINT ck_formal_supervision_concluded_has_text CHECK (state <> 'concluded' OR (conclusion IS NOT NULL AND concluded_at IS NOT NULL)),
	CONSTRAINT ck_formal_supervision_due_after_issue CHECK (due_at > issued_at),
	CONSTRAINT ck_formal_supervision_demands_length CHECK (char_length(demands) BETWEEN 10 AND 4000),
	CONSTRAINT uq_formal_supervision_number UNIQUE (number),
	CONSTRAINT fk_formal_supervision_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_formal_supervision_unit_id FOREIGN KEY(unit_id) REFERENCES unit (id),
	CONSTRAINT fk_formal_supervision_issued_by_id FOREIGN KEY(issued_by_id) REFERENCES staff (id),
	CONSTRAINT fk_formal_supervision_answered_by_id FOREIGN KEY(answered_by_id) REFERENCES staff (id),
	CONSTRAINT fk_formal_supervision_concluded_by_id FOREIGN KEY(concluded_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_formal_supervision_open ON formal_supervision (due_at) WHERE state IN ('issued', 'answered');

CREATE INDEX ix_formal_supervision_ticket_id ON formal_supervision (ticket_id);

CREATE INDEX ix_formal_supervision_unit_id ON formal_supervision (unit_id, id);

CREATE TABLE commitment (
	id BIGSERIAL NOT NULL,
	ticket_id BIGINT NOT NULL,
	unit_id BIGINT,
	promised_by TEXT NOT NULL,
	what TEXT NOT NULL,
	promised_at TIMESTAMP WITH TIME ZONE NOT NULL,
	remind_at TIMESTAMP WITH TIME ZONE NOT NULL,
	due_at TIMESTAMP WITH TIME ZONE NOT NULL,
	state TEXT NOT NULL,
	noted_by_id BIGINT,
	reminded_at TIMESTAMP WITH TIME ZONE,
	overdue_told_at TIMESTAMP WITH TIME ZONE,
	proof TEXT DEFAULT '' NOT NULL,
	decided_at TIMESTAMP WITH TIME ZONE,
	decided_by_id BIGINT,
	CONSTRAINT pk_commitment PRIMARY KEY (id),
	CONSTRAINT ck_commitment_state CHECK (state IN ('open', 'kept', 'broken')),
	CONSTRAINT ck_commitment_due_after_promise CHECK (due_at > promised_at),
	CONSTRAINT ck_commitment_end_has_proof CHECK (state = 'open' OR (char_length(proof) >= 5 AND decided_at IS NOT NULL)),
	CONSTRAINT ck_commitment_what_length CHECK (char_length(what) BETWEEN 5 AND 1000),
	CONSTRAINT fk_commitment_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_commitment_unit_id FOREIGN KEY(unit_id) REFERENCES unit (id),
	CONSTRAINT fk_commitment_noted_by_id FOREIGN KEY(noted_by_id) REFERENCES staff (id),
	CONSTRAINT fk_commitment_decided_by_id FOREIGN KEY(decided_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_commitment_open ON commitment (due_at) WHERE state = 'open';

CREATE INDEX ix_commitment_ticket_id ON commitment (ticket_id);

CREATE INDEX ix_commitment_unit_id ON commitment (unit_id, id);

CREATE TABLE ticket_place (
	ticket_id BIGINT NOT NULL,
	category_code TEXT NOT NULL,
	keys TEXT[] NOT NULL,
	longitude DOUBLE PRECISION,
	latitude DOUBLE PRECISION,
	received_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_ticket_place PRIMARY KEY (ticket_id),
	CONSTRAINT fk_ticket_place_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE
);

CREATE INDEX ix_ticket_place_category_code ON ticket_place (category_code, received_at);

CREATE INDEX ix_ticket_place_keys ON ticket_place USING gin (keys);

CREATE TABLE burst_ticket (
	burst_id BIGINT NOT NULL,
	ticket_id BIGINT NOT NULL,
	CONSTRAINT pk_burst_ticket PRIMARY KEY (burst_id, ticket_id),
	CONSTRAINT fk_burst_ticket_burst_id FOREIGN KEY(burst_id) REFERENCES burst (id) ON DELETE CASCADE,
	CONSTRAINT fk_burst_ticket_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE
);

CREATE INDEX ix_burst_ticket_ticket_id ON burst_ticket (ticket_id);

CREATE TABLE transcription (
	id BIGSERIAL NOT NULL,
	call_id UUID NOT NULL,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	attempts BIGINT NOT NULL,
	not_before TIMESTAMP WITH TIME ZONE NOT NULL,
	leased_until TIMESTAMP WITH TIME ZONE,
	transcriber TEXT,
	last_error TEXT,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	done_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_transcription PRIMARY KEY (id),
	CONSTRAINT uq_transcription_call_id_kind UNIQUE (call_id, kind),
	CONSTRAINT ck_transcription_state CHECK (state IN ('waiting', 'running', 'done', 'failed')),
	CONSTRAINT ck_transcription_kind CHECK (kind IN ('missing', 'better')),
	CONSTRAINT ck_transcription_running_has_lease CHECK ((state = 'running') = (leased_until IS NOT NULL)),
	CONSTRAINT fk_transcription_call_id FOREIGN KEY(call_id) REFERENCES call (id) ON DELETE CASCADE
);

CREATE INDEX ix_transcription_open ON transcription (not_before) WHERE state IN ('waiting', 'running');

CREATE TABLE duty (
	user_id BIGINT NOT NULL,
	state TEXT NOT NULL,
	reason TEXT DEFAULT '' NOT NULL,
	since TIMESTAMP WITH TIME ZONE NOT NULL,
	idle_since TIMESTAMP WITH TIME ZONE NOT NULL,
	wrap_until TIMESTAMP WITH TIME ZONE,
	call_id UUID,
	phone TEXT DEFAULT '' NOT NULL,
	missed BIGINT DEFAULT '0' NOT NULL,
	CONSTRAINT pk_duty PRIMARY KEY (user_id),
	CONSTRAINT ck_duty_state CHECK (state IN ('ready', 'ringing', 'busy', 'wrap_up', 'break', 'off')),
	CONSTRAINT ck_duty_break_has_reason CHECK ((state = 'break') = (reason <> '')),
	CONSTRAINT ck_duty_wrap_up_ends CHECK ((state = 'wrap_up') = (wrap_until IS NOT NULL)),
	CONSTRAINT ck_duty_call CHECK ((state IN ('ringing', 'busy')) = (call_id IS NOT NULL)),
	CONSTRAINT fk_duty_user_id FOREIGN KEY(user_id) REFERENCES staff (id) ON DELETE CASCADE,
	CONSTRAINT fk_duty_call_id FOREIGN KEY(call_id) REFERENCES call (id)
);

CREATE INDEX ix_duty_ready ON duty (idle_since) WHERE state = 'ready';

CREATE TABLE held_appeal (
	id UUID NOT NULL,
	token_hash TEXT NOT NULL,
	body_sealed BYTEA,
	source_hash TEXT NOT NULL,
	state TEXT NOT NULL,
	received_at TIMESTAMP WITH TIME ZONE NOT NULL,
	decided_at TIMESTAMP WITH TIME ZONE,
	decided_by_id BIGINT,
	reason TEXT NOT NULL,
	ticket_id BIGINT,
	query_code_sealed BYTEA,
	CONSTRAINT pk_held_appeal PRIMARY KEY (id),
	CONSTRAINT ck_held_appeal_state CHECK (state IN ('waiting', 'released', 'discarded')),
	CONSTRAINT ck_held_appeal_released_has_ticket CHECK ((state = 'released') = (ticket_id IS NOT NULL)),
	CONSTRAINT ck_held_appeal_body_only_while_waiting CHECK ((state = 'waiting') = (body_sealed IS NOT NULL)),
	CONSTRAINT uq_held_appeal_token_hash UNIQUE (token_hash),
	CONSTRAINT fk_held_appeal_decided_by_id FOREIGN KEY(decided_by_id) REFERENCES staff (id),
	CONSTRAINT fk_held_appeal_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE
);

CREATE INDEX ix_held_appeal_received_at ON held_appeal (received_at);

CREATE INDEX ix_held_appeal_waiting ON held_appeal (received_at) WHERE state = 'waiting';

CREATE TABLE published_answer (
	id BIGSERIAL NOT NULL,
	ticket_id BIGINT NOT NULL,
	version BIGINT NOT NULL,
	state TEXT NOT NULL,
	line TEXT NOT NULL,
	title TEXT NOT NULL,
	asked TEXT NOT NULL,
	answered TEXT NOT NULL,
	category_code TEXT,
	district TEXT NOT NULL,
	author_id BIGINT NOT NULL,
	proposed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	reviewer_id BIGINT,
	published_at TIMESTAMP WITH TIME ZONE,
	ended_at TIMESTAMP WITH TIME ZONE,
	note TEXT DEFAULT '' NOT NULL,
	CONSTRAINT pk_published_answer PRIMARY KEY (id),
	CONSTRAINT ck_published_answer_state CHECK (state IN ('proposed', 'published', 'refused', 'recalled')),
	CONSTRAINT ck_published_answer_published_by_somebody CHECK (state <> 'published' OR (reviewer_id IS NOT NULL AND published_at IS NOT NULL)),
	CONSTRAINT ck_published_answer_four_eyes CHECK (reviewer_id <> author_id OR state <> 'published'),
	CONSTRAINT fk_published_answer_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_published_answer_category_code FOREIGN KEY(category_code) REFERENCES category (code),
	CONSTRAINT fk_published_answer_author_id FOREIGN KEY(author_id) REFERENCES staff (id),
	CONSTRAINT fk_published_answer_reviewer_id FOREIGN KEY(reviewer_id) REFERENCES staff (id)
);

CREATE INDEX ix_published_answer_list ON published_answer (state, id);

CREATE INDEX ix_published_answer_shown ON published_answer (published_at, id) WHERE state = 'published';

CREATE INDEX ix_published_answer_ticket_id ON published_answer (ticket_id);

CREATE UNIQUE INDEX uq_published_answer_alive ON published_answer (ticket_id) WHERE state IN ('proposed', 'published');

CREATE TABLE quality_check (
	id BIGSERIAL NOT NULL,
	call_id UUID NOT NULL,
	agent_id BIGINT NOT NULL,
	rule TEXT NOT NULL,
	state TEXT DEFAULT 'waiting' NOT NULL,
	drawn_at TIMESTAMP WITH TIME ZONE NOT NULL,
	book_version BIGINT,
	points JSONB DEFAULT '{}' NOT NULL,
	fatal JSONB DEFAULT '[]' NOT NULL,
	score BIGINT,
	remark TEXT DEFAULT '' NOT NULL,
	scored_at TIMESTAMP WITH TIME ZONE,
	scored_by_id BIGINT,
	appeal TEXT DEFAULT '' NOT NULL,
	appealed_at TIMESTAMP WITH TIME ZONE,
	first_score BIGINT,
	upheld BOOLEAN,
	decision TEXT DEFAULT '' NOT NULL,
	decided_at TIMESTAMP WITH TIME ZONE,
	decided_by_id BIGINT,
	CONSTRAINT pk_quality_check PRIMARY KEY (id),
	CONSTRAINT ck_quality_check_rule CHECK (rule IN ('complaint', 'rated_badly', 'suspicious', 'short', 'share', 'by_hand')),
	CONSTRAINT ck_quality_check_state CHECK (state IN ('waiting', 'scored', 'appealed', 'decided')),
	CONSTRAINT ck_quality_check_scored_has_score CHECK ((state = 'waiting') = (score IS NULL)),
	CONSTRAINT ck_quality_check_score_has_person CHECK ((score IS NULL) = (scored_at IS NULL) AND (score IS NULL) = (scored_by_id IS NULL)),
	CONSTRAINT ck_quality_check_score_range CHECK (score BETWEEN 0 AND 100),
	CONSTRAINT ck_quality_check_not_oneself CHECK (scored_by_id <> agent_id),
	CONSTRAINT ck_quality_check_appeal_has_time CHECK ((state IN ('appealed', 'decided')) = (appealed_at IS NOT NULL)),
	CONSTRAINT ck_quality_check_decided_has_person CHECK ((state = 'decided') = (decided_at IS NOT NULL AND decided_by_id IS NOT NULL)),
	CONSTRAINT ck_quality_check_decided_by_another CHECK (decided_by_id <> scored_by_id AND decided_by_id <> agent_id),
	CONSTRAINT fk_quality_check_call_id FOREIGN KEY(call_id) REFERENCES call (id),
	CONSTRAINT fk_quality_check_agent_id FOREIGN KEY(agent_id) REFERENCES staff (id),
	CONSTRAINT fk_quality_check_scored_by_id FOREIGN KEY(scored_by_id) REFERENCES staff (id),
	CONSTRAINT fk_quality_check_decided_by_id FOREIGN KEY(decided_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_quality_check_agent_id ON quality_check (agent_id, id);

CREATE INDEX ix_quality_check_scored_at ON quality_check (scored_at) WHERE scored_at IS NOT NULL;

CREATE INDEX ix_quality_check_waiting ON quality_check (id) WHERE state IN ('waiting', 'appealed');

CREATE UNIQUE INDEX uq_quality_check_call_id ON quality_check (call_id);

CREATE TABLE queue_waiting (
	id BIGSERIAL NOT NULL,
	call_id UUID NOT NULL,
	queue TEXT NOT NULL,
	line TEXT NOT NULL,
	language TEXT DEFAULT 'zh' NOT NULL,
	dialect TEXT DEFAULT '' NOT NULL,
	weight BIGINT DEFAULT '0' NOT NULL,
	priority BIGINT DEFAULT '0' NOT NULL,
	state TEXT NOT NULL,
	entered_at TIMESTAMP WITH TIME ZONE NOT NULL,
	offered_to_id BIGINT,
	offer_until TIMESTAMP WITH TIME ZONE,
	served_by_id BIGINT,
	ended_at TIMESTAMP WITH TIME ZONE,
	outcome TEXT,
	worker TEXT NOT NULL,
	CONSTRAINT pk_queue_waiting PRIMARY KEY (id),
	CONSTRAINT ck_queue_waiting_state CHECK (state IN ('waiting', 'offered', 'served', 'gone')),
	CONSTRAINT ck_queue_waiting_outcome CHECK (outcome IS NULL OR outcome IN ('abandoned', 'return_call', 'timeout', 'full', 'empty', 'overflow', 'emergency', 'died')),
	CONSTRAINT ck_queue_waiting_offer CHECK ((state = 'offered') = (offered_to_id IS NOT NULL)),
	CONSTRAINT ck_queue_waiting_gone_has_outcome CHECK ((state = 'gone') = (outcome IS NOT NULL)),
	CONSTRAINT ck_queue_waiting_ended_has_time CHECK ((state IN ('served', 'gone')) = (ended_at IS NOT NULL)),
	CONSTRAINT fk_queue_waiting_call_id FOREIGN KEY(call_id) REFERENCES call (id),
	CONSTRAINT fk_queue_waiting_offered_to_id FOREIGN KEY(offered_to_id) REFERENCES staff (id),
	CONSTRAINT fk_queue_waiting_served_by_id FOREIGN KEY(served_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_queue_waiting_call_id ON queue_waiting (call_id);

CREATE INDEX ix_queue_waiting_ended_at ON queue_waiting (ended_at);

CREATE INDEX ix_queue_waiting_line_up ON queue_waiting (entered_at) WHERE state IN ('waiting', 'offered');

CREATE UNIQUE INDEX uq_queue_waiting_open ON queue_waiting (call_id) WHERE state IN ('waiting', 'offered');

CREATE TABLE call_command (
	id BIGSERIAL NOT NULL,
	call_id UUID NOT NULL,
	worker TEXT NOT NULL,
	user_id BIGINT NOT NULL,
	action TEXT NOT NULL,
	arguments JSONB DEFAULT '{}' NOT NULL,
	state TEXT NOT NULL,
	result TEXT DEFAULT '' NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	valid_until TIMESTAMP WITH TIME ZONE NOT NULL,
	done_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_call_command PRIMARY KEY (id),
	CONSTRAINT ck_call_command_state CHECK (state IN ('waiting', 'taken', 'done', 'failed')),
	CONSTRAINT fk_call_command_call_id FOREIGN KEY(call_id) REFERENCES call (id),
	CONSTRAINT fk_call_command_user_id FOREIGN KEY(user_id) REFERENCES staff (id)
);

CREATE INDEX ix_call_command_call_id ON call_command (call_id);

CREATE INDEX ix_call_command_open ON call_command (worker, id) WHERE state = 'waiting';

CREATE TABLE investigation (
	id BIGSERIAL NOT NULL,
	ticket_id BIGINT NOT NULL,
	level BIGINT NOT NULL,
	opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
	supervisor_id BIGINT,
	findings TEXT DEFAULT '' NOT NULL,
	false_reply BOOLEAN DEFAULT false NOT NULL,
	concluded_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_investigation PRIMARY KEY (id),
	CONSTRAINT ck_investigation_concluded_has_findings CHECK ((concluded_at IS NULL) = (findings = '')),
	CONSTRAINT ck_investigation_findings_length CHECK (concluded_at IS NULL OR char_length(findings) >= 30),
	CONSTRAINT fk_investigation_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_investigation_supervisor_id FOREIGN KEY(supervisor_id) REFERENCES staff (id)
);

CREATE INDEX ix_investigation_ticket_id ON investigation (ticket_id);

CREATE UNIQUE INDEX uq_investigation_open ON investigation (ticket_id) WHERE concluded_at IS NULL;

CREATE TABLE legal_hold (
	ticket_id BIGINT NOT NULL,
	reason TEXT NOT NULL,
	held_by_id BIGINT,
	held_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_legal_hold PRIMARY KEY (ticket_id),
	CONSTRAINT fk_legal_hold_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE RESTRICT,
	CONSTRAINT fk_legal_hold_held_by_id FOREIGN KEY(held_by_id) REFERENCES staff (id)
);

CREATE TABLE erasure (
	id BIGSERIAL NOT NULL,
	citizen_id BIGINT,
	ticket_id BIGINT,
	reason TEXT NOT NULL,
	asked_by_id BIGINT NOT NULL,
	asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
	confirmed_by_id BIGINT,
	confirmed_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_erasure PRIMARY KEY (id),
	CONSTRAINT ck_erasure_reason CHECK (char_length(reason) >= 4),
	CONSTRAINT ck_erasure_confirmed_whole CHECK ((confirmed_at IS NULL) = (confirmed_by_id IS NULL)),
	CONSTRAINT ck_erasure_two_people CHECK (confirmed_by_id IS NULL OR confirmed_by_id <> asked_by_id),
	CONSTRAINT ck_erasure_of_one CHECK ((citizen_id IS NULL) <> (ticket_id IS NULL)),
	CONSTRAINT fk_erasure_citizen_id FOREIGN KEY(citizen_id) REFERENCES citizen (id),
	CONSTRAINT fk_erasure_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id),
	CONSTRAINT fk_erasure_asked_by_id FOREIGN KEY(asked_by_id) REFERENCES staff (id),
	CONSTRAINT fk_erasure_confirmed_by_id FOREIGN KEY(confirmed_by_id) REFERENCES staff (id)
);

CREATE UNIQUE INDEX uq_erasure_open_citizen ON erasure (citizen_id) WHERE confirmed_at IS NULL AND citizen_id IS NOT NULL;

CREATE UNIQUE INDEX uq_erasure_open_ticket ON erasure (ticket_id) WHERE confirmed_at IS NULL AND ticket_id IS NOT NULL;

CREATE TABLE ticket_signature (
	ticket_id BIGINT NOT NULL,
	cells INTEGER[] NOT NULL,
	open BOOLEAN DEFAULT true NOT NULL,
	CONSTRAINT pk_ticket_signature PRIMARY KEY (ticket_id),
	CONSTRAINT fk_ticket_signature_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE
);

CREATE INDEX ix_ticket_signature_cells ON ticket_signature USING gin (cells) WHERE open;

CREATE FUNCTION follow_ticket_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE ticket_signature SET open = NEW.state NOT IN ('archived', 'closed', 'invalid', 'merged', 'rejected', 'withdrawn') WHERE ticket_id = NEW.id;
    RETURN NULL;
END $$;

CREATE TRIGGER follow_ticket_state AFTER UPDATE OF state ON ticket FOR EACH ROW
    WHEN ((OLD.state IN ('archived', 'closed', 'invalid', 'merged', 'rejected', 'withdrawn')) IS DISTINCT FROM (NEW.state IN ('archived', 'closed', 'invalid', 'merged', 'rejected', 'withdrawn'))) EXECUTE FUNCTION follow_ticket_state();

CREATE TABLE ticket_presence (
	ticket_id BIGINT NOT NULL,
	user_id BIGINT NOT NULL,
	seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_ticket_presence PRIMARY KEY (ticket_id, user_id),
	CONSTRAINT fk_ticket_presence_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_ticket_presence_user_id FOREIGN KEY(user_id) REFERENCES staff (id) ON DELETE CASCADE
);

CREATE INDEX ix_ticket_presence_seen_at ON ticket_presence (seen_at);

CREATE TABLE gap_sentence (
	id BIGSERIAL NOT NULL,
	gap_id BIGINT NOT NULL,
	conversation_id UUID NOT NULL,
	message_id BIGINT,
	text TEXT NOT NULL,
	channel TEXT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	cause TEXT NOT NULL,
	article_id BIGINT,
	article_version BIGINT,
	score DOUBLE PRECISION NOT NULL,
	cells INTEGER[] NOT NULL,
	CONSTRAINT pk_gap_sentence PRIMARY KEY (id),
	CONSTRAINT ck_gap_sentence_cause CHECK (cause IN ('unsure', 'unanswered', 'handed_over', 'rated_badly', 'judged_wrong')),
	CONSTRAINT fk_gap_sentence_gap_id FOREIGN KEY(gap_id) REFERENCES gap (id) ON DELETE CASCADE,
	CONSTRAINT fk_gap_sentence_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversation (id),
	CONSTRAINT uq_gap_sentence_message_id UNIQUE (message_id),
	CONSTRAINT fk_gap_sentence_message_id FOREIGN KEY(message_id) REFERENCES message (id) ON DELETE SET NULL,
	CONSTRAINT fk_gap_sentence_article_id FOREIGN KEY(article_id) REFERENCES article (id)
);

CREATE INDEX ix_gap_sentence_at ON gap_sentence (at);

CREATE INDEX ix_gap_sentence_cells ON gap_sentence USING gin (cells);

CREATE INDEX ix_gap_sentence_conversation_id ON gap_sentence (conversation_id);

CREATE INDEX ix_gap_sentence_gap_id ON gap_sentence (gap_id, id);

CREATE TABLE answer_check (
	id BIGSERIAL NOT NULL,
	conversation_id UUID NOT NULL,
	message_id BIGINT,
	asked_id BIGINT,
	asked TEXT NOT NULL,
	answer TEXT NOT NULL,
	channel TEXT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	article_id BIGINT NOT NULL,
	article_version BIGINT NOT NULL,
	drawn_at TIMESTAMP WITH TIME ZONE NOT NULL,
	result TEXT,
	remark TEXT NOT NULL,
	judged_at TIMESTAMP WITH TIME ZONE,
	judged_by_id BIGINT,
	CONSTRAINT pk_answer_check PRIMARY KEY (id),
	CONSTRAINT ck_answer_check_result CHECK (result IN ('right', 'wrong')),
	CONSTRAINT ck_answer_check_judged CHECK ((result IS NULL) = (judged_at IS NULL)),
	CONSTRAINT fk_answer_check_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversation (id),
	CONSTRAINT uq_answer_check_message_id UNIQUE (message_id),
	CONSTRAINT fk_answer_check_message_id FOREIGN KEY(message_id) REFERENCES message (id) ON DELETE SET NULL,
	CONSTRAINT fk_answer_check_asked_id FOREIGN KEY(asked_id) REFERENCES message (id) ON DELETE SET NULL,
	CONSTRAINT fk_answer_check_article_id FOREIGN KEY(article_id) REFERENCES article (id),
	CONSTRAINT fk_answer_check_judged_by_id FOREIGN KEY(judged_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_answer_check_at ON answer_check (at);

CREATE INDEX ix_answer_check_conversation_id ON answer_check (conversation_id);

CREATE INDEX ix_answer_check_open ON answer_check (id) WHERE result IS NULL;

CREATE TABLE reply (
	id BIGSERIAL NOT NULL,
	assignment_id BIGINT NOT NULL,
	round BIGINT NOT NULL,
	facts TEXT NOT NULL,
	measures TEXT NOT NULL,
	basis TEXT NOT NULL,
	contact_note TEXT NOT NULL,
	explanation TEXT DEFAULT '' NOT NULL,
	legal_procedure TEXT DEFAULT '' NOT NULL,
	legal_limit TEXT DEFAULT '' NOT NULL,
	legal_due_on DATE,
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
	CONSTRAINT ck_reply_legal_procedure CHECK (legal_procedure = '' OR legal_procedure IN ('market_complaint', 'market_report', 'labour', 'penalty', 'reconsideration', 'petition', 'other')),
	CONSTRAINT ck_reply_legal_limit CHECK (legal_procedure = '' OR legal_limit <> ''),
	CONSTRAINT ck_reply_reviewer_is_not_author CHECK (reviewed_by_id IS NULL OR reviewed_by_id <> author_id),
	CONSTRAINT fk_reply_assignment_id FOREIGN KEY(assignment_id) REFERENCES assignment (id) ON DELETE CASCADE,
	CONSTRAINT fk_reply_author_id FOREIGN KEY(author_id) REFERENCES staff (id),
	CONSTRAINT fk_reply_signed_off_by_id FOREIGN KEY(signed_off_by_id) REFERENCES staff (id),
	CONSTRAINT fk_reply_reviewed_by_id FOREIGN KEY(reviewed_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_reply_assignment_id ON reply (assignment_id);

CREATE TABLE callback_answer (
	id BIGSERIAL NOT NULL,
	task_id BIGINT NOT NULL,
	question TEXT NOT NULL,
	value TEXT NOT NULL,
	result TEXT,
	CONSTRAINT pk_callback_answer PRIMARY KEY (id),
	CONSTRAINT uq_callback_answer_task_id_question UNIQUE (task_id, question),
	CONSTRAINT fk_callback_answer_task_id FOREIGN KEY(task_id) REFERENCES callback_task (id) ON DELETE CASCADE
);

CREATE INDEX ix_callback_answer_question ON callback_answer (question, value);

CREATE TABLE callback_attempt (
	id BIGSERIAL NOT NULL,
	task_id BIGINT NOT NULL,
	number BIGINT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	ended_at TIMESTAMP WITH TIME ZONE,
	channel TEXT DEFAULT 'phone' NOT NULL,
	outcome TEXT NOT NULL,
	note TEXT DEFAULT '' NOT NULL,
	user_id BIGINT,
	CONSTRAINT pk_callback_attempt PRIMARY KEY (id),
	CONSTRAINT ck_callback_attempt_outcome CHECK (outcome IN ('running', 'reached', 'no_answer', 'busy', 'refused', 'wrong_number', 'sent', 'failed')),
	CONSTRAINT ck_callback_attempt_channel CHECK (channel IN ('phone', 'robot', 'sms', 'wechat', 'web')),
	CONSTRAINT uq_callback_attempt_task_id_number UNIQUE (task_id, number),
	CONSTRAINT fk_callback_attempt_task_id FOREIGN KEY(task_id) REFERENCES callback_task (id) ON DELETE CASCADE,
	CONSTRAINT fk_callback_attempt_user_id FOREIGN KEY(user_id) REFERENCES staff (id)
);

CREATE UNIQUE INDEX uq_callback_attempt_running ON callback_attempt (task_id) WHERE outcome = 'running';

CREATE TABLE second_visit (
	id BIGSERIAL NOT NULL,
	task_id BIGINT NOT NULL,
	ticket_id BIGINT NOT NULL,
	round BIGINT NOT NULL,
	state TEXT NOT NULL,
	opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
	complaint TEXT NOT NULL,
	cause TEXT,
	cause_note TEXT NOT NULL,
	rectification TEXT NOT NULL,
	evidence TEXT NOT NULL,
	explanation TEXT NOT NULL,
	decided_at TIMESTAMP WITH TIME ZONE,
	decided_by_id BIGINT,
	CONSTRAINT pk_second_visit PRIMARY KEY (id),
	CONSTRAINT ck_second_visit_state CHECK (state IN ('open', 'redo', 'disputed', 'cancelled')),
	CONSTRAINT ck_second_visit_decided_has_time CHECK ((state = 'open') = (decided_at IS NULL)),
	CONSTRAINT ck_second_visit_redo_has_cause CHECK (state NOT IN ('redo') OR (cause IS NOT NULL AND rectification <> '')),
	CONSTRAINT ck_second_visit_disputed_has_evidence CHECK (state <> 'disputed' OR (char_length(evidence) >= 20 AND explanation <> '')),
	CONSTRAINT uq_second_visit_task_id UNIQUE (task_id),
	CONSTRAINT fk_second_visit_task_id FOREIGN KEY(task_id) REFERENCES callback_task (id) ON DELETE CASCADE,
	CONSTRAINT fk_second_visit_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_second_visit_decided_by_id FOREIGN KEY(decided_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_second_visit_open ON second_visit (opened_at) WHERE state = 'open';

CREATE INDEX ix_second_visit_ticket_id ON second_visit (ticket_id);

CREATE TABLE unit_queue (
	assignment_id BIGINT NOT NULL,
	ticket_id BIGINT NOT NULL,
	unit_id BIGINT NOT NULL,
	part TEXT NOT NULL,
	state TEXT NOT NULL,
	next_due_at TIMESTAMP WITH TIME ZONE,
	next_white_at TIMESTAMP WITH TIME ZONE,
	next_yellow_at TIMESTAMP WITH TIME ZONE,
	closed_at TIMESTAMP WITH TIME ZONE,
	secret BOOLEAN NOT NULL,
	line TEXT NOT NULL,
	CONSTRAINT pk_unit_queue PRIMARY KEY (assignment_id),
	CONSTRAINT fk_unit_queue_assignment_id FOREIGN KEY(assignment_id) REFERENCES assignment (id) ON DELETE CASCADE,
	CONSTRAINT fk_unit_queue_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE
);

CREATE INDEX ix_unit_queue_closed ON unit_queue (unit_id, closed_at, ticket_id) INCLUDE (state, secret, line) WHERE closed_at IS NOT NULL;

CREATE INDEX ix_unit_queue_due ON unit_queue (unit_id, next_due_at, ticket_id) INCLUDE (next_white_at, next_yellow_at, secret, line, state) WHERE next_due_at IS NOT NULL;

CREATE INDEX ix_unit_queue_part ON unit_queue (unit_id, part, next_due_at, ticket_id) INCLUDE (secret, line);

CREATE INDEX ix_unit_queue_state ON unit_queue (unit_id, state, next_due_at, ticket_id) INCLUDE (secret, line);

CREATE INDEX ix_unit_queue_ticket_id ON unit_queue (ticket_id);

CREATE TABLE deadline (
	id BIGSERIAL NOT NULL,
	ticket_id BIGINT NOT NULL,
	assignment_id BIGINT,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	stage TEXT NOT NULL,
	limit_value DOUBLE PRECISION NOT NULL,
	limit_unit TEXT NOT NULL,
	options JSONB DEFAULT '{}' NOT NULL,
	adjustments JSONB DEFAULT '[]' NOT NULL,
	started_at TIMESTAMP WITH TIME ZONE NOT NULL,
	due_at TIMESTAMP WITH TIME ZONE NOT NULL,
	original_due_at TIMESTAMP WITH TIME ZONE,
	extensions BIGINT DEFAULT 0 NOT NULL,
	white_at TIMESTAMP WITH TIME ZONE NOT NULL,
	amber_at TIMESTAMP WITH TIME ZONE NOT NULL,
	yellow_at TIMESTAMP WITH TIME ZONE,
	red_at TIMESTAMP WITH TIME ZONE NOT NULL,
	next_stage_at TIMESTAMP WITH TIME ZONE,
	paused_at TIMESTAMP WITH TIME ZONE,
	remaining_seconds DOUBLE PRECISION,
	stopped_at TIMESTAMP WITH TIME ZONE,
	provisional BOOLEAN NOT NULL,
	calendar_version BIGINT DEFAULT 0 NOT NULL,
	CONSTRAINT pk_deadline PRIMARY KEY (id),
	CONSTRAINT ck_deadline_due_after_start CHECK (due_at > started_at),
	CONSTRAINT ck_deadline_kind CHECK (kind IN ('dispatch', 'sign', 'contact', 'on_site', 'plan', 'handle', 'review', 'callback', 'dispute', 'follow_up', 'suspension', 'supplement', 'evaluation', 'objection', 'statute')),
	CONSTRAINT ck_deadline_limit CHECK (limit_unit IN ('h', 'wh', 'wd', 'd') AND limit_value > 0),
	CONSTRAINT ck_deadline_state CHECK (state IN ('running', 'paused', 'met', 'late', 'cancelled')),
	CONSTRAINT ck_deadline_stage CHECK (stage IN ('calm', 'white', 'amber', 'yellow', 'red')),
	CONSTRAINT ck_deadline_running_has_no_stop CHECK ((state IN ('running', 'paused')) = (stopped_at IS NULL)),
	CONSTRAINT ck_deadline_paused_since CHECK ((state = 'paused') = (paused_at IS NOT NULL)),
	CONSTRAINT ck_deadline_paused_has_rest CHECK ((paused_at IS NULL) = (remaining_seconds IS NULL)),
	CONSTRAINT ck_deadline_only_running_moves CHECK (state = 'running' OR next_stage_at IS NULL),
	CONSTRAINT ck_deadline_extended_keeps_old_due CHECK (extensions >= 0 AND (extensions > 0) = (original_due_at IS NOT NULL)),
	CONSTRAINT fk_deadline_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_deadline_assignment_id FOREIGN KEY(assignment_id) REFERENCES assignment (id) ON DELETE CASCADE
);

CREATE INDEX ix_deadline_calendar_version ON deadline (calendar_version, id) WHERE state IN ('running', 'paused');

CREATE INDEX ix_deadline_kind_due_at ON deadline (kind, due_at);

CREATE INDEX ix_deadline_next_stage ON deadline (next_stage_at) WHERE state = 'running' AND next_stage_at IS NOT NULL;

CREATE INDEX ix_deadline_running ON deadline (due_at, id) INCLUDE (white_at, amber_at, yellow_at, red_at, ticket_id, assignment_id) WHERE state = 'running';

CREATE INDEX ix_deadline_ticket_id ON deadline (ticket_id);

CREATE UNIQUE INDEX uq_deadline_running_assignment_clock ON deadline (assignment_id, kind) WHERE state IN ('running', 'paused') AND assignment_id IS NOT NULL;

CREATE UNIQUE INDEX uq_deadline_running_ticket_clock ON deadline (ticket_id, kind) WHERE state IN ('running', 'paused') AND assignment_id IS NULL;

CREATE TABLE notice_delivery (
	id BIGSERIAL NOT NULL,
	notice_id BIGINT NOT NULL,
	channel TEXT NOT NULL,
	state TEXT NOT NULL,
	attempts BIGINT NOT NULL,
	resends BIGINT NOT NULL,
	queued_at TIMESTAMP WITH TIME ZONE NOT NULL,
	sent_at TIMESTAMP WITH TIME ZONE,
	last_error TEXT,
	gateway_id TEXT,
	delivered_at TIMESTAMP WITH TIME ZONE,
	phone_hash TEXT,
	acknowledged_by_id BIGINT,
	CONSTRAINT pk_notice_delivery PRIMARY KEY (id),
	CONSTRAINT ck_notice_delivery_channel CHECK (channel IN ('sms', 'wechat')),
	CONSTRAINT ck_notice_delivery_state CHECK (state IN ('queued', 'sent', 'failed', 'given_up', 'no_gateway', 'acknowledged')),
	CONSTRAINT ck_notice_delivery_sent_has_time CHECK ((state = 'sent') = (sent_at IS NOT NULL)),
	CONSTRAINT ck_notice_delivery_acknowledged_by_somebody CHECK ((state = 'acknowledged') = (acknowledged_by_id IS NOT NULL)),
	CONSTRAINT uq_notice_delivery_notice_id_channel UNIQUE (notice_id, channel),
	CONSTRAINT fk_notice_delivery_notice_id FOREIGN KEY(notice_id) REFERENCES notice (id) ON DELETE CASCADE,
	CONSTRAINT fk_notice_delivery_acknowledged_by_id FOREIGN KEY(acknowledged_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_notice_delivery_gateway ON notice_delivery (gateway_id) WHERE gateway_id IS NOT NULL;

CREATE INDEX ix_notice_delivery_phone ON notice_delivery (phone_hash, queued_at) WHERE phone_hash IS NOT NULL;

CREATE INDEX ix_notice_delivery_state ON notice_delivery (state, id);

CREATE INDEX ix_notice_delivery_stuck ON notice_delivery (id) WHERE state IN ('given_up', 'no_gateway');

CREATE TABLE request (
	id BIGSERIAL NOT NULL,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	ticket_id BIGINT NOT NULL,
	assignment_id BIGINT,
	reason TEXT NOT NULL,
	told TEXT DEFAULT '' NOT NULL,
	limit_value DOUBLE PRECISION,
	limit_unit TEXT,
	reason_class TEXT,
	review_on DATE,
	asked_by_id BIGINT,
	asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
	consented_by_id BIGINT,
	consented_at TIMESTAMP WITH TIME ZONE,
	decided_by_id BIGINT,
	decided_at TIMESTAMP WITH TIME ZONE,
	note TEXT DEFAULT '' NOT NULL,
	data JSONB DEFAULT '{}' NOT NULL,
	CONSTRAINT pk_request PRIMARY KEY (id),
	CONSTRAINT ck_request_kind CHECK (kind IN ('return', 'extension', 'suspension', 'dispute', 'refusal')),
	CONSTRAINT ck_request_state CHECK (state IN ('pending', 'approved', 'refused', 'withdrawn')),
	CONSTRAINT ck_request_reason_length CHECK (char_length(reason) >= 5),
	CONSTRAINT ck_request_decided_has_time CHECK ((state IN ('approved', 'refused')) = (decided_at IS NOT NULL)),
	CONSTRAINT ck_request_decider_is_not_asker CHECK (decided_by_id IS NULL OR decided_by_id <> asked_by_id),
	CONSTRAINT ck_request_suspension_has_review CHECK (kind <> 'suspension' OR (review_on IS NOT NULL AND reason_class IS NOT NULL)),
	CONSTRAINT ck_request_reason_class CHECK (reason_class IS NULL OR reason_class IN ('season', 'works', 'law', 'funds')),
	CONSTRAINT ck_request_extension_has_limit CHECK (kind <> 'extension' OR limit_value > 0),
	CONSTRAINT ck_request_of_an_assignment CHECK (kind IN ('dispute', 'refusal') OR assignment_id IS NOT NULL),
	CONSTRAINT fk_request_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_request_assignment_id FOREIGN KEY(assignment_id) REFERENCES assignment (id) ON DELETE CASCADE,
	CONSTRAINT fk_request_asked_by_id FOREIGN KEY(asked_by_id) REFERENCES staff (id),
	CONSTRAINT fk_request_consented_by_id FOREIGN KEY(consented_by_id) REFERENCES staff (id),
	CONSTRAINT fk_request_decided_by_id FOREIGN KEY(decided_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_request_assignment_id ON request (assignment_id);

CREATE INDEX ix_request_pending ON request (kind, asked_at) WHERE state = 'pending';

CREATE INDEX ix_request_ticket_id ON request (ticket_id);

CREATE UNIQUE INDEX uq_request_one_pending ON request (ticket_id, coalesce(assignment_id, 0), kind) WHERE state = 'pending';

CREATE TABLE staff_digest (
	user_id BIGINT NOT NULL,
	day DATE NOT NULL,
	made_at TIMESTAMP WITH TIME ZONE NOT NULL,
	notice_id BIGINT,
	CONSTRAINT pk_staff_digest PRIMARY KEY (user_id, day),
	CONSTRAINT fk_staff_digest_user_id FOREIGN KEY(user_id) REFERENCES staff (id) ON DELETE CASCADE,
	CONSTRAINT fk_staff_digest_notice_id FOREIGN KEY(notice_id) REFERENCES staff_notice (id) ON DELETE SET NULL
);

CREATE INDEX ix_staff_digest_day ON staff_digest (day);

CREATE TABLE dial (
	id BIGSERIAL NOT NULL,
	call_id UUID NOT NULL,
	ticket_id BIGINT NOT NULL,
	user_id BIGINT NOT NULL,
	purpose TEXT NOT NULL,
	return_call_id BIGINT,
	automatic BOOLEAN DEFAULT false NOT NULL,
	state TEXT NOT NULL,
	result TEXT DEFAULT '' NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	valid_until TIMESTAMP WITH TIME ZONE NOT NULL,
	answered_at TIMESTAMP WITH TIME ZONE,
	ended_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_dial PRIMARY KEY (id),
	CONSTRAINT ck_dial_purpose CHECK (purpose IN ('contact', 'callback', 'return_call')),
	CONSTRAINT ck_dial_state CHECK (state IN ('waiting', 'ringing', 'dialling', 'talking', 'over')),
	CONSTRAINT ck_dial_over_has_time CHECK ((state = 'over') = (ended_at IS NOT NULL)),
	CONSTRAINT ck_dial_over_has_result CHECK ((state = 'over') = (result <> '')),
	CONSTRAINT ck_dial_return_call CHECK ((purpose = 'return_call') = (return_call_id IS NOT NULL)),
	CONSTRAINT fk_dial_call_id FOREIGN KEY(call_id) REFERENCES call (id),
	CONSTRAINT fk_dial_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id),
	CONSTRAINT fk_dial_user_id FOREIGN KEY(user_id) REFERENCES staff (id),
	CONSTRAINT fk_dial_return_call_id FOREIGN KEY(return_call_id) REFERENCES return_call (id)
);

CREATE INDEX ix_dial_ticket_id ON dial (ticket_id);

CREATE INDEX ix_dial_waiting ON dial (created_at) WHERE state = 'waiting';

CREATE UNIQUE INDEX uq_dial_call_id ON dial (call_id);

CREATE UNIQUE INDEX uq_dial_open_ticket ON dial (ticket_id) WHERE state <> 'over';

CREATE UNIQUE INDEX uq_dial_open_user ON dial (user_id) WHERE state <> 'over';

CREATE TABLE exchange_message (
	id BIGSERIAL NOT NULL,
	partner_id BIGINT NOT NULL,
	direction TEXT NOT NULL,
	message_id TEXT NOT NULL,
	kind TEXT NOT NULL,
	ticket_id BIGINT,
	assignment_id BIGINT,
	external_id TEXT,
	body_hash TEXT NOT NULL,
	state TEXT NOT NULL,
	problem TEXT NOT NULL,
	answer JSONB,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	done_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_exchange_message PRIMARY KEY (id),
	CONSTRAINT ck_exchange_message_direction CHECK (direction IN ('out', 'in')),
	CONSTRAINT ck_exchange_message_state CHECK (state IN ('waiting', 'delivered', 'failed', 'received', 'applied', 'refused')),
	CONSTRAINT ck_exchange_message_state_of_direction CHECK ((direction = 'out') = (state IN ('waiting', 'delivered', 'failed'))),
	CONSTRAINT uq_exchange_message_partner_id_direction_message_id UNIQUE (partner_id, direction, message_id),
	CONSTRAINT fk_exchange_message_partner_id FOREIGN KEY(partner_id) REFERENCES exchange_partner (id),
	CONSTRAINT fk_exchange_message_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_exchange_message_assignment_id FOREIGN KEY(assignment_id) REFERENCES assignment (id) ON DELETE CASCADE
);

CREATE INDEX ix_exchange_message_assignment_id ON exchange_message (assignment_id);

CREATE INDEX ix_exchange_message_ticket_id ON exchange_message (ticket_id);

CREATE TABLE queue_offer (
	id BIGSERIAL NOT NULL,
	waiting_id BIGINT NOT NULL,
	user_id BIGINT NOT NULL,
	offered_at TIMESTAMP WITH TIME ZONE NOT NULL,
	ended_at TIMESTAMP WITH TIME ZONE,
	result TEXT NOT NULL,
	CONSTRAINT pk_queue_offer PRIMARY KEY (id),
	CONSTRAINT fk_queue_offer_waiting_id FOREIGN KEY(waiting_id) REFERENCES queue_waiting (id) ON DELETE CASCADE,
	CONSTRAINT fk_queue_offer_user_id FOREIGN KEY(user_id) REFERENCES staff (id) ON DELETE CASCADE
);

CREATE INDEX ix_queue_offer_user ON queue_offer (user_id, offered_at);

CREATE INDEX ix_queue_offer_waiting ON queue_offer (waiting_id, user_id);

CREATE TABLE attachment (
	id UUID NOT NULL,
	ticket_id BIGINT,
	conversation_id UUID,
	article_id BIGINT,
	held_id UUID,
	reply_id BIGINT,
	for_citizen BOOLEAN DEFAULT false NOT NULL,
	file_name TEXT NOT NULL,
	content_type TEXT NOT NULL,
	size_bytes BIGINT NOT NULL,
	sha256 TEXT NOT NULL,
	path TEXT NOT NULL,
	from_citizen BOOLEAN NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_attachment PRIMARY KEY (id),
	CONSTRAINT ck_attachment_size CHECK (size_bytes > 0),
	CONSTRAINT ck_attachment_for_citizen CHECK (NOT (for_citizen AND from_citizen)),
	CONSTRAINT fk_attachment_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_attachment_conversation_id FOREIGN KEY(conversation_id) REFERENCES conversation (id),
	CONSTRAINT fk_attachment_article_id FOREIGN KEY(article_id) REFERENCES article (id) ON DELETE CASCADE,
	CONSTRAINT fk_attachment_held_id FOREIGN KEY(held_id) REFERENCES held_appeal (id) ON DELETE SET NULL,
	CONSTRAINT fk_attachment_reply_id FOREIGN KEY(reply_id) REFERENCES reply (id) ON DELETE SET NULL
);

CREATE INDEX ix_attachment_article_id ON attachment (article_id) WHERE article_id IS NOT NULL;

CREATE INDEX ix_attachment_conversation_id ON attachment (conversation_id);

CREATE INDEX ix_attachment_created_at ON attachment (created_at);

CREATE INDEX ix_attachment_held_id ON attachment (held_id) WHERE held_id IS NOT NULL;

CREATE INDEX ix_attachment_path ON attachment (path);

CREATE INDEX ix_attachment_reply_id ON attachment (reply_id) WHERE reply_id IS NOT NULL;

CREATE INDEX ix_attachment_ticket_id ON attachment (ticket_id);

CREATE TABLE card (
	id BIGSERIAL NOT NULL,
	ticket_id BIGINT NOT NULL,
	deadline_id BIGINT,
	unit_id BIGINT,
	user_id BIGINT,
	colour TEXT NOT NULL,
	reason TEXT NOT NULL,
	note TEXT DEFAULT '' NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	given_by_id BIGINT,
	state TEXT DEFAULT 'given' NOT NULL,
	revoked_at TIMESTAMP WITH TIME ZONE,
	revoked_by_id BIGINT,
	revoke_reason TEXT,
	rectification_id BIGINT,
	CONSTRAINT pk_card PRIMARY KEY (id),
	CONSTRAINT uq_card_deadline_id_colour UNIQUE (deadline_id, colour),
	CONSTRAINT ck_card_colour CHECK (colour IN ('yellow', 'red')),
	CONSTRAINT ck_card_state CHECK (state IN ('given', 'revoked')),
	CONSTRAINT ck_card_revoked_has_reason CHECK ((state = 'revoked') = (revoked_at IS NOT NULL AND revoked_by_id IS NOT NULL AND char_length(coalesce(revoke_reason, '')) >= 10)),
	CONSTRAINT ck_card_has_cause CHECK (deadline_id IS NOT NULL OR reason IN ('two_yellows', 'false_reply', 'finding', 'by_hand')),
	CONSTRAINT fk_card_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_card_deadline_id FOREIGN KEY(deadline_id) REFERENCES deadline (id) ON DELETE CASCADE,
	CONSTRAINT fk_card_unit_id FOREIGN KEY(unit_id) REFERENCES unit (id),
	CONSTRAINT fk_card_user_id FOREIGN KEY(user_id) REFERENCES staff (id),
	CONSTRAINT fk_card_given_by_id FOREIGN KEY(given_by_id) REFERENCES staff (id),
	CONSTRAINT fk_card_revoked_by_id FOREIGN KEY(revoked_by_id) REFERENCES staff (id),
	CONSTRAINT fk_card_rectification_id FOREIGN KEY(rectification_id) REFERENCES rectification (id)
);

CREATE INDEX ix_card_at ON card (at);

CREATE INDEX ix_card_ticket_id ON card (ticket_id);

CREATE INDEX ix_card_unit_id ON card (unit_id, at);

CREATE UNIQUE INDEX uq_card_two_yellows ON card (ticket_id, unit_id) NULLS NOT DISTINCT WHERE reason = 'two_yellows' AND state = 'given';

CREATE TABLE reply_print (
	reply_id BIGINT NOT NULL,
	ticket_id BIGINT NOT NULL,
	bands BIGINT[] NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_reply_print PRIMARY KEY (reply_id),
	CONSTRAINT fk_reply_print_reply_id FOREIGN KEY(reply_id) REFERENCES reply (id) ON DELETE CASCADE,
	CONSTRAINT fk_reply_print_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE
);

CREATE INDEX ix_reply_print_bands ON reply_print USING gin (bands);

CREATE TABLE finding (
	id BIGSERIAL NOT NULL,
	rule TEXT NOT NULL,
	key TEXT NOT NULL,
	ticket_id BIGINT NOT NULL,
	unit_id BIGINT,
	user_id BIGINT,
	data JSONB DEFAULT '{}' NOT NULL,
	state TEXT NOT NULL,
	found_at TIMESTAMP WITH TIME ZONE NOT NULL,
	decided_at TIMESTAMP WITH TIME ZONE,
	decided_by_id BIGINT,
	note TEXT DEFAULT '' NOT NULL,
	card_id BIGINT,
	CONSTRAINT pk_finding PRIMARY KEY (id),
	CONSTRAINT uq_finding_rule_key UNIQUE (rule, key),
	CONSTRAINT ck_finding_rule CHECK (rule IN ('no_contact', 'contact_denied', 'short_reply', 'same_text', 'brush_off', 'instant', 'late_contact', 'callback_without_call', 'last_minute')),
	CONSTRAINT ck_finding_state CHECK (state IN ('open', 'confirmed', 'dismissed')),
	CONSTRAINT ck_finding_decided_has_reason CHECK (state = 'open' OR (decided_at IS NOT NULL AND decided_by_id IS NOT NULL AND char_length(note) >= 5)),
	CONSTRAINT fk_finding_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_finding_unit_id FOREIGN KEY(unit_id) REFERENCES unit (id),
	CONSTRAINT fk_finding_user_id FOREIGN KEY(user_id) REFERENCES staff (id),
	CONSTRAINT fk_finding_decided_by_id FOREIGN KEY(decided_by_id) REFERENCES staff (id),
	CONSTRAINT fk_finding_card_id FOREIGN KEY(card_id) REFERENCES card (id)
);

CREATE INDEX ix_finding_open ON finding (id) WHERE state = 'open';

CREATE INDEX ix_finding_ticket_id ON finding (ticket_id);

CREATE INDEX ix_finding_unit_id ON finding (unit_id, found_at);

CREATE TABLE hand_over (
	id BIGSERIAL NOT NULL,
	number TEXT NOT NULL,
	ticket_id BIGINT NOT NULL,
	unit_id BIGINT NOT NULL,
	card_id BIGINT,
	organ TEXT NOT NULL,
	persons TEXT DEFAULT '' NOT NULL,
	facts TEXT NOT NULL,
	made_at TIMESTAMP WITH TIME ZONE NOT NULL,
	made_by_id BIGINT NOT NULL,
	state TEXT NOT NULL,
	answer TEXT DEFAULT '' NOT NULL,
	answered_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_hand_over PRIMARY KEY (id),
	CONSTRAINT ck_hand_over_state CHECK (state IN ('sent', 'received', 'answered')),
	CONSTRAINT ck_hand_over_facts_length CHECK (char_length(facts) >= 20),
	CONSTRAINT uq_hand_over_number UNIQUE (number),
	CONSTRAINT fk_hand_over_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id) ON DELETE CASCADE,
	CONSTRAINT fk_hand_over_unit_id FOREIGN KEY(unit_id) REFERENCES unit (id),
	CONSTRAINT fk_hand_over_card_id FOREIGN KEY(card_id) REFERENCES card (id),
	CONSTRAINT fk_hand_over_made_by_id FOREIGN KEY(made_by_id) REFERENCES staff (id)
);

CREATE INDEX ix_hand_over_ticket_id ON hand_over (ticket_id);

CREATE INDEX ix_hand_over_unit_id ON hand_over (unit_id, id);

ALTER TABLE conversation ADD CONSTRAINT fk_conversation_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id);

CREATE FUNCTION append_events(p_subject text, p_items jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    key text;
    item jsonb;
    new_seq bigint;
    last_hash text;
BEGIN
    -- our transaction's number is taken before an event's number: a seal waits for whoever may still hold a lower one
    PERFORM pg_current_xact_id();
    -- sorted: two writers wait for each other and do not block each other for ever. Each statement sees what is committed now
    FOR key IN SELECT DISTINCT value->>'subject_id' FROM jsonb_array_elements(p_items) ORDER BY 1 LOOP
        PERFORM pg_advisory_xact_lock(hashtextextended(p_subject || ':' || key, 0));
    END LOOP;
    FOR item IN SELECT value FROM jsonb_array_elements(p_items) WITH ORDINALITY ORDER BY ordinality LOOP
        SELECT event.seq, event.hash INTO new_seq, last_hash FROM event
            WHERE event.subject = p_subject AND event.subject_id = item->>'subject_id' ORDER BY event.seq DESC LIMIT 1;
        new_seq := coalesce(new_seq, 0) + 1;
        last_hash := coalesce(last_hash, '');
        INSERT INTO event (at, name, subject, subject_id, seq, actor_kind, actor_id, actor_label, data, public, previous_hash, hash)
        VALUES ((item->>'at')::timestamptz, item->>'name', p_subject, item->>'subject_id', new_seq, item->>'actor_kind',
            (item->>'actor_id')::bigint, item->>'actor_label', item->'data', (item->>'public')::boolean, last_hash,
            encode(sha256(convert_to(last_hash || E'\n' || new_seq || E'\n' || (item->>'body'), 'UTF8')), 'hex'));
        IF item ? 'notify' THEN
            PERFORM pg_notify('hotline_events', item->>'notify');
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();

CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

CREATE TRIGGER audit_seal_append_only BEFORE UPDATE OR DELETE ON audit_seal FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();

CREATE TRIGGER audit_seal_no_truncate BEFORE TRUNCATE ON audit_seal FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

CREATE TRIGGER audit_day_append_only BEFORE UPDATE OR DELETE ON audit_day FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();

CREATE TRIGGER audit_day_no_truncate BEFORE TRUNCATE ON audit_day FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();

CREATE FUNCTION refuse_author_callback() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_ticket bigint;
BEGIN
    IF NEW.user_id IS NULL THEN
        RETURN NEW;
    END IF;
    IF TG_TABLE_NAME = 'callback_task' THEN
        of_ticket := (to_jsonb(NEW) ->> 'ticket_id')::bigint;
    ELSE
        SELECT ticket_id INTO of_ticket FROM callback_task WHERE id = (to_jsonb(NEW) ->> 'task_id')::bigint;
    END IF;
    IF EXISTS (SELECT FROM reply JOIN assignment ON assignment.id = reply.assignment_id
               WHERE assignment.ticket_id = of_ticket AND NEW.user_id IN (reply.author_id, reply.signed_off_by_id)) THEN
        RAISE EXCEPTION 'the author of a reply may not call back the same ticket' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER callback_attempt_not_by_author BEFORE INSERT OR UPDATE OF user_id ON callback_attempt FOR EACH ROW EXECUTE FUNCTION refuse_author_callback();

CREATE TRIGGER callback_task_not_by_author BEFORE INSERT OR UPDATE OF user_id ON callback_task FOR EACH ROW EXECUTE FUNCTION refuse_author_callback();

CREATE FUNCTION keep_next_due() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owner bigint := CASE TG_OP WHEN 'DELETE' THEN OLD.ticket_id ELSE NEW.ticket_id END;
    due timestamptz;
    white timestamptz;
    yellow timestamptz;
BEGIN
    SELECT min(due_at), min(white_at), min(coalesce(yellow_at, due_at)) INTO due, white, yellow
    FROM deadline WHERE ticket_id = owner AND state = 'running';
    UPDATE ticket SET next_due_at = due, next_white_at = white, next_yellow_at = yellow
    WHERE id = owner AND (next_due_at, next_white_at, next_yellow_at) IS DISTINCT FROM (due, white, yellow);
    RETURN NULL;
END
$$;

CREATE FUNCTION word_cells(p_text text, p_block bigint) RETURNS integer[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT hashtext(pair || p_block)), '{}')
    FROM (SELECT letter || lead(letter) OVER (ORDER BY place) AS pair
        FROM unnest(string_to_array(lower(p_text), NULL)) WITH ORDINALITY AS said (letter, place)) pairs
    WHERE pair IS NOT NULL
$$;

CREATE FUNCTION keep_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO ticket_words (ticket_id, cells)
    VALUES (NEW.id, word_cells(NEW.title || ' ' || NEW.address || ' ' || NEW.content, NEW.id >> 14))
    ON CONFLICT (ticket_id) DO UPDATE SET cells = excluded.cells;
    RETURN NULL;
END
$$;

CREATE FUNCTION keep_unit_queue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO unit_queue (assignment_id, ticket_id, unit_id, part, state, next_due_at, next_white_at, next_yellow_at, closed_at, secret, line) SELECT a.id, a.ticket_id, a.unit_id, a.state, t.state, t.next_due_at, t.next_white_at, t.next_yellow_at, t.closed_at,
        t.confidentiality = 'secret', t.line
    FROM assignment a JOIN ticket t ON t.id = a.ticket_id WHERE a.state NOT IN ('returned', 'cancelled') AND a.id = NEW.id
    ON CONFLICT (assignment_id) DO UPDATE SET unit_id = excluded.unit_id, part = excluded.part;
    IF NOT FOUND THEN
        DELETE FROM unit_queue WHERE assignment_id = NEW.id;
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION move_unit_queue() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE unit_queue SET state = NEW.state, next_due_at = NEW.next_due_at, next_white_at = NEW.next_white_at,
        next_yellow_at = NEW.next_yellow_at, closed_at = NEW.closed_at, secret = NEW.confidentiality = 'secret', line = NEW.line
    WHERE ticket_id = NEW.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER assignment_is_queued AFTER INSERT ON assignment FOR EACH ROW EXECUTE FUNCTION keep_unit_queue();

CREATE TRIGGER assignment_is_queued_anew AFTER UPDATE OF state, unit_id ON assignment FOR EACH ROW
    WHEN (OLD.state <> NEW.state OR OLD.unit_id <> NEW.unit_id) EXECUTE FUNCTION keep_unit_queue();

CREATE TRIGGER ticket_moves_in_queues AFTER UPDATE OF state, next_due_at, next_white_at, next_yellow_at, closed_at, confidentiality, line ON ticket FOR EACH ROW
    WHEN ((OLD.state, OLD.next_due_at, OLD.next_white_at, OLD.next_yellow_at, OLD.closed_at, OLD.confidentiality, OLD.line) IS DISTINCT FROM (NEW.state, NEW.next_due_at, NEW.next_white_at, NEW.next_yellow_at, NEW.closed_at, NEW.confidentiality, NEW.line))
    EXECUTE FUNCTION move_unit_queue();

CREATE TRIGGER deadline_starts AFTER INSERT ON deadline FOR EACH ROW WHEN (NEW.state = 'running') EXECUTE FUNCTION keep_next_due();

CREATE TRIGGER deadline_moves AFTER UPDATE OF state, due_at, white_at, yellow_at ON deadline FOR EACH ROW
    WHEN ((OLD.state, OLD.due_at, OLD.white_at, OLD.yellow_at) IS DISTINCT FROM (NEW.state, NEW.due_at, NEW.white_at, NEW.yellow_at))
    EXECUTE FUNCTION keep_next_due();

CREATE TRIGGER deadline_goes AFTER DELETE ON deadline FOR EACH ROW WHEN (OLD.state = 'running') EXECUTE FUNCTION keep_next_due();

CREATE TRIGGER ticket_is_found AFTER INSERT ON ticket FOR EACH ROW EXECUTE FUNCTION keep_words();

CREATE TRIGGER ticket_is_found_anew AFTER UPDATE OF title, address, content ON ticket FOR EACH ROW
    WHEN ((OLD.title, OLD.address, OLD.content) IS DISTINCT FROM (NEW.title, NEW.address, NEW.content)) EXECUTE FUNCTION keep_words();

CREATE FUNCTION note_figure(p_moment text, p_at timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO figure_change (moment, day) SELECT p_moment, (timezone('Asia/Shanghai', p_at))::date WHERE p_at IS NOT NULL
$$;

CREATE FUNCTION note_figures(p_ticket bigint, p_moments text[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO figure_change (moment, day)
    SELECT DISTINCT moment, (timezone('Asia/Shanghai', at))::date FROM (
        SELECT 'received' AS moment, received_at AS at FROM ticket WHERE id = p_ticket
        UNION ALL SELECT 'closed', closed_at FROM ticket WHERE id = p_ticket
        UNION ALL SELECT 'rated', closed_at FROM ticket WHERE id = p_ticket
        UNION ALL SELECT 'rated', finished_at FROM callback_task WHERE ticket_id = p_ticket
        UNION ALL SELECT 'assigned', assigned_at FROM assignment WHERE ticket_id = p_ticket
        UNION ALL SELECT 'replied', accepted_at FROM assignment WHERE ticket_id = p_ticket
        UNION ALL SELECT kind, due_at FROM deadline WHERE ticket_id = p_ticket AND kind IN ('sign', 'contact', 'handle', 'callback')
        UNION ALL SELECT 'card', at FROM card WHERE ticket_id = p_ticket
    ) counted WHERE at IS NOT NULL AND moment = ANY (p_moments)
$$;

CREATE FUNCTION note_ticket_figures() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now_is ticket := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    IF TG_OP <> 'INSERT' THEN PERFORM note_figure('received', OLD.received_at); PERFORM note_figure('closed', OLD.closed_at); PERFORM note_figure('rated', OLD.closed_at); END IF;
    IF TG_OP <> 'DELETE' THEN PERFORM note_figure('received', NEW.received_at); PERFORM note_figure('closed', NEW.closed_at); PERFORM note_figure('rated', NEW.closed_at); END IF;
    
    IF TG_OP = 'UPDATE' THEN
        IF OLD.line IS DISTINCT FROM NEW.line OR OLD.category_code IS DISTINCT FROM NEW.category_code OR OLD.district IS DISTINCT FROM NEW.district OR OLD.channel IS DISTINCT FROM NEW.channel OR OLD.confidentiality IS DISTINCT FROM NEW.confidentiality OR OLD.kind IS DISTINCT FROM NEW.kind OR OLD.excluded_from_rates IS DISTINCT FROM NEW.excluded_from_rates OR OLD.citizen_id IS DISTINCT FROM NEW.citizen_id OR OLD.contact_by IS DISTINCT FROM NEW.contact_by OR (OLD.state IN ('draft', 'invalid', 'merged')) <> (NEW.state IN ('draft', 'invalid', 'merged')) OR OLD.state = 'merged' OR NEW.state = 'merged' THEN
            PERFORM note_figures(NEW.id, '{received,closed,rated,assigned,replied,sign,contact,handle,callback,card}');
        ELSIF OLD.closed_at IS DISTINCT FROM NEW.closed_at THEN
            PERFORM note_figures(NEW.id, '{handle}');
        END IF;
        PERFORM note_figure('received', received_at) FROM ticket WHERE master_id = NEW.id;
        IF OLD.received_at <> NEW.received_at THEN
            PERFORM note_figure('received', received_at) FROM ticket WHERE repeat_of_id = NEW.id;
        END IF;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER ticket_figures_insert AFTER INSERT ON ticket FOR EACH ROW EXECUTE FUNCTION note_ticket_figures();

CREATE TRIGGER ticket_figures_delete AFTER DELETE ON ticket FOR EACH ROW EXECUTE FUNCTION note_ticket_figures();

CREATE TRIGGER ticket_figures_update AFTER UPDATE ON ticket FOR EACH ROW WHEN (ROW(CASE WHEN OLD.state IN ('draft', 'invalid', 'merged', 'answered') THEN OLD.state
    WHEN OLD.state IN ('closed', 'archived') THEN 'closed' ELSE 'open' END, OLD.answer IS NULL, OLD.refusal_reason, OLD.received_at, OLD.closed_at, OLD.dispatched_at, OLD.repeat_of_id, OLD.master_id, OLD.round, OLD.reported_unit_id, OLD.satisfaction, OLD.solved, OLD.created_by_id, OLD.line, OLD.category_code, OLD.district, OLD.channel, OLD.confidentiality, OLD.kind, OLD.excluded_from_rates, OLD.citizen_id, OLD.contact_by) IS DISTINCT FROM ROW(CASE WHEN NEW.state IN ('draft', 'invalid', 'merged', 'answered') THEN NEW.state
    WHEN NEW.state IN ('closed', 'archived') THEN 'closed' ELSE 'open' END, NEW.answer IS NULL, NEW.refusal_reason, NEW.received_at, NEW.closed_at, NEW.dispatched_at, NEW.repeat_of_id, NEW.master_id, NEW.round, NEW.reported_unit_id, NEW.satisfaction, NEW.solved, NEW.created_by_id, NEW.line, NEW.category_code, NEW.district, NEW.channel, NEW.confidentiality, NEW.kind, NEW.excluded_from_rates, NEW.citizen_id, NEW.contact_by)) EXECUTE FUNCTION note_ticket_figures();

CREATE FUNCTION note_assignment_figures() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now_is assignment := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    IF TG_OP <> 'INSERT' THEN PERFORM note_figure('assigned', OLD.assigned_at); PERFORM note_figure('replied', OLD.accepted_at); END IF;
    IF TG_OP <> 'DELETE' THEN PERFORM note_figure('assigned', NEW.assigned_at); PERFORM note_figure('replied', NEW.accepted_at); END IF;
    
    IF TG_OP = 'INSERT' THEN
        PERFORM note_figures(NEW.ticket_id, '{received,closed,rated,callback}');
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM note_figures(OLD.ticket_id, '{received,closed,rated,assigned,replied,sign,contact,handle,callback,card}');
    ELSIF (OLD.ticket_id, OLD.unit_id, OLD.lead, CASE WHEN OLD.state IN ('returned', 'cancelled') THEN OLD.state END)
        IS DISTINCT FROM (NEW.ticket_id, NEW.unit_id, NEW.lead, CASE WHEN NEW.state IN ('returned', 'cancelled') THEN NEW.state END) THEN
        PERFORM note_figures(OLD.ticket_id, '{received,closed,rated,assigned,replied,sign,contact,handle,callback,card}');
        PERFORM note_figures(NEW.ticket_id, '{received,closed,rated,assigned,replied,sign,contact,handle,callback,card}');
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER assignment_figures_insert AFTER INSERT ON assignment FOR EACH ROW EXECUTE FUNCTION note_assignment_figures();

CREATE TRIGGER assignment_figures_delete AFTER DELETE ON assignment FOR EACH ROW EXECUTE FUNCTION note_assignment_figures();

CREATE TRIGGER assignment_figures_update AFTER UPDATE ON assignment FOR EACH ROW WHEN (ROW(OLD.ticket_id, OLD.unit_id, OLD.lead, OLD.assigned_at, OLD.accepted_at, CASE WHEN OLD.state IN ('returned', 'cancelled') THEN OLD.state END) IS DISTINCT FROM ROW(NEW.ticket_id, NEW.unit_id, NEW.lead, NEW.assigned_at, NEW.accepted_at, CASE WHEN NEW.state IN ('returned', 'cancelled') THEN NEW.state END)) EXECUTE FUNCTION note_assignment_figures();

CREATE FUNCTION note_deadline_figures() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now_is deadline := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    IF TG_OP <> 'INSERT' THEN PERFORM note_figure(OLD.kind, OLD.due_at); END IF;
    IF TG_OP <> 'DELETE' THEN PERFORM note_figure(NEW.kind, NEW.due_at); END IF;
    
    IF now_is.kind = 'contact' THEN
        PERFORM note_figures(now_is.ticket_id, '{sign}');
    ELSIF now_is.kind = 'handle' AND TG_OP = 'DELETE' THEN
        PERFORM note_figures(now_is.ticket_id, '{handle}');
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER deadline_figures_insert AFTER INSERT ON deadline FOR EACH ROW WHEN (NEW.kind IN ('sign', 'contact', 'handle', 'callback')) EXECUTE FUNCTION note_deadline_figures();

CREATE TRIGGER deadline_figures_delete AFTER DELETE ON deadline FOR EACH ROW WHEN (OLD.kind IN ('sign', 'contact', 'handle', 'callback')) EXECUTE FUNCTION note_deadline_figures();

CREATE TRIGGER deadline_figures_update AFTER UPDATE ON deadline FOR EACH ROW WHEN (ROW(OLD.ticket_id, OLD.assignment_id, OLD.kind, OLD.state, OLD.due_at, OLD.original_due_at, OLD.started_at, OLD.stopped_at) IS DISTINCT FROM ROW(NEW.ticket_id, NEW.assignment_id, NEW.kind, NEW.state, NEW.due_at, NEW.original_due_at, NEW.started_at, NEW.stopped_at) AND (OLD.kind IN ('sign', 'contact', 'handle', 'callback') OR NEW.kind IN ('sign', 'contact', 'handle', 'callback'))) EXECUTE FUNCTION note_deadline_figures();

CREATE FUNCTION note_callback_task_figures() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now_is callback_task := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    IF TG_OP <> 'INSERT' THEN PERFORM note_figure('rated', OLD.finished_at); END IF;
    IF TG_OP <> 'DELETE' THEN PERFORM note_figure('rated', NEW.finished_at); END IF;
    PERFORM note_figures(now_is.ticket_id, '{callback}');
    IF TG_OP <> 'UPDATE' THEN
        PERFORM note_figures(now_is.ticket_id, '{handle,rated}');
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER callback_task_figures_insert AFTER INSERT ON callback_task FOR EACH ROW EXECUTE FUNCTION note_callback_task_figures();

CREATE TRIGGER callback_task_figures_delete AFTER DELETE ON callback_task FOR EACH ROW EXECUTE FUNCTION note_callback_task_figures();

CREATE TRIGGER callback_task_figures_update AFTER UPDATE ON callback_task FOR EACH ROW WHEN (ROW(OLD.ticket_id, OLD.state, OLD.kind, OLD.plan, OLD.finished_at, OLD.satisfaction, OLD.solved, OLD.user_id, OLD.attempts > 0) IS DISTINCT FROM ROW(NEW.ticket_id, NEW.state, NEW.kind, NEW.plan, NEW.finished_at, NEW.satisfaction, NEW.solved, NEW.user_id, NEW.attempts > 0)) EXECUTE FUNCTION note_callback_task_figures();

CREATE FUNCTION note_card_figures() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now_is card := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    IF TG_OP <> 'INSERT' THEN PERFORM note_figure('card', OLD.at); END IF;
    IF TG_OP <> 'DELETE' THEN PERFORM note_figure('card', NEW.at); END IF;
    PERFORM note_figures(now_is.ticket_id, '{assigned}');
    RETURN NULL;
END
$$;

CREATE TRIGGER card_figures_insert AFTER INSERT ON card FOR EACH ROW EXECUTE FUNCTION note_card_figures();

CREATE TRIGGER card_figures_delete AFTER DELETE ON card FOR EACH ROW EXECUTE FUNCTION note_card_figures();

CREATE TRIGGER card_figures_update AFTER UPDATE ON card FOR EACH ROW WHEN (ROW(OLD.ticket_id, OLD.unit_id, OLD.state, OLD.colour, OLD.at) IS DISTINCT FROM ROW(NEW.ticket_id, NEW.unit_id, NEW.state, NEW.colour, NEW.at)) EXECUTE FUNCTION note_card_figures();

CREATE FUNCTION note_finding_figures() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now_is finding := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    IF TG_OP <> 'INSERT' THEN NULL; END IF;
    IF TG_OP <> 'DELETE' THEN NULL; END IF;
    PERFORM note_figures(now_is.ticket_id, '{closed}');
    RETURN NULL;
END
$$;

CREATE TRIGGER finding_figures_insert AFTER INSERT ON finding FOR EACH ROW EXECUTE FUNCTION note_finding_figures();

CREATE TRIGGER finding_figures_delete AFTER DELETE ON finding FOR EACH ROW EXECUTE FUNCTION note_finding_figures();

CREATE TRIGGER finding_figures_update AFTER UPDATE ON finding FOR EACH ROW WHEN (ROW(OLD.ticket_id, OLD.state = 'dismissed') IS DISTINCT FROM ROW(NEW.ticket_id, NEW.state = 'dismissed')) EXECUTE FUNCTION note_finding_figures();

CREATE FUNCTION note_request_figures() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now_is request := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    IF TG_OP <> 'INSERT' THEN NULL; END IF;
    IF TG_OP <> 'DELETE' THEN NULL; END IF;
    PERFORM note_figure('assigned', assigned_at) FROM assignment WHERE id = now_is.assignment_id;
    RETURN NULL;
END
$$;

CREATE TRIGGER request_figures_insert AFTER INSERT ON request FOR EACH ROW WHEN (NEW.state = 'approved') EXECUTE FUNCTION note_request_figures();

CREATE TRIGGER request_figures_delete AFTER DELETE ON request FOR EACH ROW WHEN (OLD.state = 'approved') EXECUTE FUNCTION note_request_figures();

CREATE TRIGGER request_figures_update AFTER UPDATE ON request FOR EACH ROW WHEN (ROW(OLD.assignment_id, OLD.kind, OLD.state) IS DISTINCT FROM ROW(NEW.assignment_id, NEW.kind, NEW.state) AND (OLD.state = 'approved' OR NEW.state = 'approved')) EXECUTE FUNCTION note_request_figures();

CREATE FUNCTION note_reply_figures() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now_is reply := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    IF TG_OP <> 'INSERT' THEN NULL; END IF;
    IF TG_OP <> 'DELETE' THEN NULL; END IF;
    PERFORM note_figure('replied', a.accepted_at), note_figure('closed', t.closed_at)
    FROM assignment a JOIN ticket t ON t.id = a.ticket_id WHERE a.id = now_is.assignment_id;
    RETURN NULL;
END
$$;

CREATE TRIGGER reply_figures_insert AFTER INSERT ON reply FOR EACH ROW WHEN (NEW.accepted IS NOT NULL) EXECUTE FUNCTION note_reply_figures();

CREATE TRIGGER reply_figures_delete AFTER DELETE ON reply FOR EACH ROW WHEN (OLD.accepted IS NOT NULL) EXECUTE FUNCTION note_reply_figures();

CREATE TRIGGER reply_figures_update AFTER UPDATE ON reply FOR EACH ROW WHEN (ROW(OLD.assignment_id, OLD.accepted, OLD.facts) IS DISTINCT FROM ROW(NEW.assignment_id, NEW.accepted, NEW.facts) AND (OLD.accepted IS NOT NULL OR NEW.accepted IS NOT NULL)) EXECUTE FUNCTION note_reply_figures();

