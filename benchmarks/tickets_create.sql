-- The same rows as one registration by the API (docs/decisions/0120), for `pgbench -M prepared`: the physical limit beside it.
-- One INSERT each, as a program without our tricks would send them; what is sealed is as long as ours, and random where an index lies on it.
\set phone random(1, 1000000000)
BEGIN;
SELECT nextval('ticket_number_seq') AS number, nextval('citizen_id_seq') AS citizen, nextval('ticket_id_seq') AS ticket,
    nextval('notice_id_seq') AS notice, nextval('notice_delivery_id_seq') AS delivery \gset
INSERT INTO citizen (id, data_key_sealed, name_sealed, phone_sealed, phone_hash, phone_verified, needs, created_at)
    VALUES (:citizen, decode(repeat('62', 149), 'hex'), decode(repeat('3e', 37), 'hex'), decode(repeat('d9', 42), 'hex'),
    encode(sha256(convert_to((:phone)::text, 'UTF8')), 'hex'), false, '', now());
INSERT INTO ticket (id, number, query_code_hash, version, state, line, channel, kind, urgency, confidentiality, title, content, occurred,
    district, address, citizen_id, anonymous, contact_by, received_at, updated_at, next_due_at, created_by_id, round, repeat_level,
    interest_count, info_requests, excluded_from_rates, excluded_reason, extra, tags, street, community, concerned, preferred_time,
    legal_procedure, legal_limit, source, handling_kind)
    VALUES (:ticket, 'pgbench-20261122-' || (:number)::text, repeat('a', 64), 1, 'registered', '12345', 'staff', 'complaint', 'normal', 'masked',
    '滨河路 江畔花园北门工地夜间施工，噪音很大，影响老人休息，希望尽快处理',
    '江畔花园北门工地夜间施工，噪音很大，影响老人休息，希望尽快处理。' || (:number)::text, '', '江畔区', '滨河路', :citizen, false, 'phone', now(), now(),
    date_trunc('minute', now()) + interval '4 hours', 2, 1, 1, 1, 0, false, '', '{}', '[]', '', '', '', '', '', '', 'citizen', 'promised');
INSERT INTO deadline (ticket_id, kind, state, stage, limit_value, limit_unit, options, adjustments, started_at, due_at, extensions, white_at,
    amber_at, red_at, next_stage_at, provisional, calendar_version)
    VALUES (:ticket, 'dispatch', 'running', 'calm', 4, 'wh', '{}', '[]', now(), date_trunc('minute', now()) + interval '4 hours', 0,
    now() + interval '2 hours', now() + interval '3 hours', now() + interval '1 day', now() + interval '2 hours', false, 1);
INSERT INTO ticket_signature (ticket_id, cells, open) VALUES (:ticket, ARRAY[1177460329, 1207169057, 399877948, 24759074, 738654916, 334747539,
    667477856, 1129592087, 854463454, 255381181, 258982492, 732892102, 1340983833, 1512592555, 479713259, 875043342, 862952146], true);
SELECT append_events('ticket', jsonb_build_array(jsonb_build_object('at', now(), 'name', 'ticket.registered', 'subject_id', (:ticket)::text,
    'actor_kind', 'staff', 'actor_id', 2, 'actor_label', 'dispatcher B2', 'data', '{"kind": "complaint", "channel": "staff"}'::jsonb,
    'public', true, 'body', repeat('b', 64), 'notify', '{"name": "ticket.registered", "subject": "ticket"}')));
INSERT INTO notice (id, ticket_id, template, template_version, event, text_sealed, created_at)
    VALUES (:notice, :ticket, 'accepted', 1, 'ticket.registered', decode(repeat('6b', 340), 'hex'), now());
INSERT INTO notice_delivery (id, notice_id, channel, state, attempts, resends, queued_at, phone_hash)
    VALUES (:delivery, :notice, 'sms', 'queued', 0, 0, now(), encode(sha256(convert_to((:phone)::text, 'UTF8')), 'hex'));
INSERT INTO outbox (channel, kind, recipient, payload, dedupe_key, state, attempts, not_before, created_at)
    VALUES ('sms', 'notice', (:citizen)::text, jsonb_build_object('at_once', false, 'text_sealed', repeat('g', 330)),
    'notice:' || (:delivery)::text, 'waiting', 0, now(), now()) ON CONFLICT (dedupe_key) DO NOTHING;
COMMIT;
