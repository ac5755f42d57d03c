-- Has a customer changed its own password? PostgreSQL lets every role do that, so what it was given is compared with what it has.
ALTER TABLE sma.customers ADD COLUMN password_digest text;
COMMENT ON COLUMN sma.customers.password_digest IS
    'SHA-256, in hex, of the verifier of the password that the role was last given; NULL: given before there was this column';
