-- Several actions of one kind on one day. post: the code before this one names the old key when it writes.

ALTER TABLE corporate_action
    DROP CONSTRAINT corporate_action_pkey,
    ADD PRIMARY KEY (instrument_id, ex_date, kind, ordinal);
