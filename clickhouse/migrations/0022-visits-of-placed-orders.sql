-- With which visit each order was placed, as numbers like those of 0011: a funnel and an attribution of 30 days read these,
-- where they would read and parse the payload of every order. 0 for other events, and for an order without a visit. In the
-- row itself, so that they are there once where the event is. Parts from before get them in the background, and until then
-- compute them as they are read.
ALTER TABLE domain_events
    ADD COLUMN IF NOT EXISTS order_key UInt64 MATERIALIZED if(type = 'OrderPlaced', sipHash64(key), 0),
    ADD COLUMN IF NOT EXISTS visit_key UInt64 MATERIALIZED if(
        type != 'OrderPlaced' OR JSONExtractString(payload, 'visitId') = '', 0, sipHash64(JSONExtractString(payload, 'visitId')));

ALTER TABLE domain_events MATERIALIZE COLUMN order_key, MATERIALIZE COLUMN visit_key;
