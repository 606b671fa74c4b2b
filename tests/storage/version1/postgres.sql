CREATE TABLE public.kgnb_log (
    version integer NOT NULL,
    log_id text NOT NULL,
    revision bigint NOT NULL,
    owner text NOT NULL,
    mark text NOT NULL
);
CREATE TABLE public.kgnb_record (
    stream bigint NOT NULL,
    seq bigint NOT NULL,
    payload bytea NOT NULL
);
CREATE TABLE public.kgnb_row (
    key text NOT NULL COLLATE pg_catalog."C",
    revision bigint NOT NULL,
    value bytea NOT NULL
);
CREATE TABLE public.kgnb_stream (
    id bigint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    seq bigint NOT NULL,
    epoch bigint NOT NULL,
    n bigint NOT NULL
);
ALTER TABLE public.kgnb_stream ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.kgnb_stream_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
INSERT INTO public.kgnb_log VALUES (1, '7d7f670db6d045b28d8a679f2c22ae59', 3, '8b3853b19b6b48f6ba16f1b761f115ca', 'b542fd5210b4427287e59d34239ac95d');
INSERT INTO public.kgnb_record VALUES (1, 1, '\x7b226e223a317d');
INSERT INTO public.kgnb_record VALUES (1, 2, '\x7b226e223a327d');
INSERT INTO public.kgnb_record VALUES (2, 1, '\x7b7d');
INSERT INTO public.kgnb_record VALUES (3, 3, '\x33');
INSERT INTO public.kgnb_row VALUES ('run/a', 1, '\x7b2272756e5f6964223a2261227d');
INSERT INTO public.kgnb_stream OVERRIDING SYSTEM VALUE VALUES (1, 'run/a', 2, 2, 2);
INSERT INTO public.kgnb_stream OVERRIDING SYSTEM VALUE VALUES (2, 'checkpoint/a', 1, 0, 0);
INSERT INTO public.kgnb_stream OVERRIDING SYSTEM VALUE VALUES (3, 'mail/g', 3, 0, 0);
SELECT pg_catalog.setval('public.kgnb_stream_id_seq', 3, true);
ALTER TABLE ONLY public.kgnb_record
    ADD CONSTRAINT kgnb_record_pkey PRIMARY KEY (stream, seq);
ALTER TABLE ONLY public.kgnb_row
    ADD CONSTRAINT kgnb_row_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.kgnb_stream
    ADD CONSTRAINT kgnb_stream_name_key UNIQUE (name);
ALTER TABLE ONLY public.kgnb_stream
    ADD CONSTRAINT kgnb_stream_pkey PRIMARY KEY (id);
