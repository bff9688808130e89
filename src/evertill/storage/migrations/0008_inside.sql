-- Version 8: who is inside a room is counted without reading everybody who ever was. May run before the release that needs
-- it is started: it only adds.

CREATE INDEX ticket_inside ON ticket (room_id, seen_at) WHERE state = 'inside';
