-- What imports say of the terms of prices, so that it is taken back with them.

ALTER TABLE import_change ADD COLUMN terms jsonb;
COMMENT ON COLUMN import_change.terms IS
    'Of each instrument, adjusted and adjusted_until before and after: [[instrument, [before], [after]], ...].';
