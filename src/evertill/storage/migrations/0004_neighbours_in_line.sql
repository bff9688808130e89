-- Version 3: tickets know where they were asked for. May run before the release that needs it is started: it only adds.

ALTER TABLE ticket ADD COLUMN network bigint;
-- How many stand in line from one address.
CREATE INDEX ticket_neighbours ON ticket (room_id, network, number) WHERE network IS NOT NULL;
