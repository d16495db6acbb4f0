-- What was sent under the key of an import: its body up to the end of each batch of lines.
CREATE TABLE import_batches (
  request   text    NOT NULL,
  last_line integer NOT NULL,
  digest    bytea   NOT NULL,
  PRIMARY KEY (request, last_line)
);
