/**
 * Every REST call and body.
 *
 * Generated from the service's contract, never edited: `make contract` writes it anew.
 *
 * What the service sends is open: `"left" | (string & {})` names the values known today, and a newer service may
 * send others.
 */

export interface paths {
    "/api/rooms": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List rooms
         * @description All rooms that match, newest first, a page at a time.
         *
         *     `total` counts all that match. To read on, ask again with the same filters and `cursor` set to `next_cursor`, until that is null. Rooms made meanwhile do not move the pages that follow.
         */
        get: operations["list_rooms"];
        put?: never;
        /**
         * Create a room
         * @description Make a room when a class is scheduled or a session starts.
         *
         *     Hand the `room_code` of the answer to those who may join: they connect to `/ws` with it. The room takes participants until `expires_at`, or until it is deleted.
         *
         *     A network can lose the answer. Send an `Idempotency-Key` to be able to repeat the call: the repetition answers the room that was made the first time, and says so with `Idempotency-Replayed`.
         */
        post: operations["create_room"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/rooms/{room_code}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a room
         * @description Check a room's state, time and participants, before joining or for a dashboard.
         *
         *     Closed and expired rooms are readable, too, until they are purged (after a week, unless the operator set another `ROOM_RETENTION_HOURS`).
         */
        get: operations["get_room"];
        put?: never;
        post?: never;
        /**
         * Delete a room
         * @description End a class by hand: everyone in it is told and let go, and nobody can join again.
         *
         *     The room's state becomes `closed`; it stays readable until purged. Deleting a room that has ended answers the same and changes nothing.
         */
        delete: operations["delete_room"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/statistics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get statistics
         * @description Figures for a dashboard: rooms by state, participants now and ever.
         */
        get: operations["get_statistics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Is the process alive?
         * @description For monitors: answers for as long as the process runs. Needs no key, asks no store, is always cheap.
         */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readiness": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Can this process serve?
         * @description Whether this process should get traffic: its store can be written to, and it is not shutting down.
         *
         *     For load balancers. Needs no key.
         */
        get: operations["readiness"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * ConnectionState
         * @description A participant's line: `connected`, or `reconnecting` while its seat is kept after a lost line.
         * @enum {string}
         */
        ConnectionState: "connected" | "reconnecting";
        /**
         * CreateRoomRequest
         * @description What the room shall be like. Every field may be left out or null; others are refused.
         */
        CreateRoomRequest: {
            /**
             * @description The platform's own identifier of whoever the room belongs to (teacher, host).
             * @example teacher_123
             */
            owner_id?: string | null;
            /**
             * @description Lifetime in hours. Left out or null: what the operator set as `ROOM_TTL_HOURS`, else 24.
             * @example 2
             */
            ttl_hours?: number | null;
            /**
             * @description How many participants the room holds at once. Left out or null: what the operator set as `MAX_PARTICIPANTS_PER_ROOM`, else 50.
             * @example 30
             */
            max_participants?: number | null;
        };
        /**
         * ErrorBody
         * @description Body of every error answer.
         */
        ErrorBody: {
            /**
             * @description What went wrong, for people.
             * @example Invalid or missing API key
             */
            detail: string;
            /**
             * @description What went wrong, for programs.
             * @example unauthorized
             */
            code: "room_not_found" | "server_error" | "bad_request" | "unauthorized" | "forbidden_origin" | "not_found" | "method_not_allowed" | "idempotency_conflict" | "payload_too_large" | (string & {});
        };
        /**
         * ErrorCode
         * @description What went wrong, for programs. The sentence beside it (`detail`, `message`) is for people.
         * @enum {string}
         */
        ErrorCode: "room_not_found" | "server_error" | "bad_request" | "unauthorized" | "forbidden_origin" | "not_found" | "method_not_allowed" | "idempotency_conflict" | "payload_too_large";
        /**
         * HealthMetrics
         * @description Figures that cost nothing to take.
         */
        HealthMetrics: {
            /**
             * @description Open WebSocket connections of this process.
             * @example 15
             */
            active_websocket_connections: number;
            /**
             * @description Open rooms.
             * @example 3
             */
            active_rooms: number;
            /**
             * @description Whether REST calls need a key. They always do.
             * @example enabled
             */
            api_authentication: "enabled" | (string & {});
        };
        /**
         * HealthResponse
         * @description The process is alive.
         */
        HealthResponse: {
            /**
             * @description Always `healthy` in an answer.
             * @example healthy
             */
            status: "healthy" | (string & {});
            /**
             * Format: date-time
             * @description The service's clock: UTC, RFC 3339, whole seconds.
             * @example 2025-12-18T10:30:00Z
             */
            timestamp: string;
            metrics: components["schemas"]["HealthMetrics"];
        };
        /**
         * ReadyResponse
         * @description This process is able to serve.
         */
        ReadyResponse: {
            /**
             * @description Always `ready` in this answer.
             * @example ready
             */
            status: "ready" | (string & {});
        };
        /**
         * RoomCreated
         * @description The new room. Hand `room_code` to those who may join.
         */
        RoomCreated: {
            /**
             * @description Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in lower case.
             * @example a7x9k2
             */
            room_code: string;
            /**
             * Format: date-time
             * @description When the room was made: UTC, RFC 3339, whole seconds.
             * @example 2025-12-18T10:30:00Z
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When the room ends by itself, if nobody deletes it before: UTC, RFC 3339, whole seconds.
             * @example 2025-12-18T12:30:00Z
             */
            expires_at: string;
            /**
             * @description The platform's own identifier of whoever the room belongs to (teacher, host).
             * @example teacher_123
             */
            owner_id: string | null;
        };
        /**
         * RoomDeleted
         * @description The room has ended.
         */
        RoomDeleted: {
            /**
             * @description What was done.
             * @example Room a7x9k2 deleted successfully
             */
            message: string;
        };
        /**
         * RoomDetails
         * @description A room, and who is in it.
         */
        RoomDetails: {
            /**
             * @description Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in lower case.
             * @example a7x9k2
             */
            room_code: string;
            /**
             * Format: date-time
             * @description When the room was made: UTC, RFC 3339, whole seconds.
             * @example 2025-12-18T10:30:00Z
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When the room ends by itself, if nobody deletes it before: UTC, RFC 3339, whole seconds.
             * @example 2025-12-18T12:30:00Z
             */
            expires_at: string;
            /** @description Where the room is in its life: `open` takes participants; `closed` (it was deleted) and `expired` (its time is over) have ended. */
            state: "open" | "closed" | "expired" | (string & {});
            /**
             * @description Participants in the room now.
             * @example 5
             */
            participant_count: number;
            /**
             * @description How many participants the room holds at once.
             * @example 30
             */
            max_participants: number;
            /** @description Everyone in the room, first come first. */
            participants: components["schemas"]["RoomParticipant"][];
            /**
             * @description The platform's own identifier of whoever the room belongs to (teacher, host).
             * @example teacher_123
             */
            owner_id: string | null;
        };
        /**
         * RoomList
         * @description A page of rooms, newest first.
         */
        RoomList: {
            /** @description The rooms of this page. */
            rooms: components["schemas"]["RoomSummary"][];
            /**
             * @description How many rooms match in all, not only on this page.
             * @example 1
             */
            total: number;
            /**
             * @description `cursor` of the next page; null on the last one.
             * @example 1766053800000-a7x9k2
             */
            next_cursor: string | null;
        };
        /**
         * RoomParticipant
         * @description Somebody in the room now.
         */
        RoomParticipant: {
            /**
             * @description Identifier of one participant's connection, made by the service. Do not parse it.
             * @example k3v9q2mx-7fh2kd8s5wpc4nrt
             */
            socket_id: string;
            /**
             * @description Name shown to the other participants: 1 to 80 characters, white space around it not counted and removed.
             * @example John Doe
             */
            display_name: string;
            /**
             * @description The platform's own identifier of the user. The service only carries it.
             * @example student_456
             */
            user_id: string | null;
            /**
             * Format: date-time
             * @description When the participant joined: UTC, RFC 3339, whole seconds.
             * @example 2025-12-18T10:31:00Z
             */
            joined_at: string;
            /** @description The participant's line: `connected`, or `reconnecting` while its seat is kept after a lost line. */
            connection: "connected" | "reconnecting" | (string & {});
        };
        /**
         * RoomState
         * @description Where a room is in its life: `open` takes participants, `closed` and `expired` have ended.
         * @enum {string}
         */
        RoomState: "open" | "closed" | "expired";
        /**
         * RoomSummary
         * @description A room, as the list shows it.
         */
        RoomSummary: {
            /**
             * @description Code of a room: 6 characters of `23456789abcdefghjkmnpqrstuvwxyz`. Accepted in any case, always answered in lower case.
             * @example a7x9k2
             */
            room_code: string;
            /** @description Where the room is in its life: `open` takes participants; `closed` (it was deleted) and `expired` (its time is over) have ended. */
            state: "open" | "closed" | "expired" | (string & {});
            /**
             * @description Participants in the room now.
             * @example 5
             */
            participant_count: number;
            /**
             * @description How many participants the room holds at once.
             * @example 30
             */
            max_participants: number;
            /**
             * Format: date-time
             * @description When the room was made: UTC, RFC 3339, whole seconds.
             * @example 2025-12-18T10:30:00Z
             */
            created_at: string;
            /**
             * Format: date-time
             * @description When the room ends by itself, if nobody deletes it before: UTC, RFC 3339, whole seconds.
             * @example 2025-12-18T12:30:00Z
             */
            expires_at: string;
            /**
             * @description The platform's own identifier of whoever the room belongs to (teacher, host).
             * @example teacher_123
             */
            owner_id: string | null;
        };
        /**
         * StatisticsCounts
         * @description Counts over the rooms not yet purged.
         */
        StatisticsCounts: {
            /**
             * @description Rooms of any state.
             * @example 10
             */
            total_rooms: number;
            /**
             * @description Rooms that take participants.
             * @example 3
             */
            open_rooms: number;
            /**
             * @description Rooms that were closed.
             * @example 5
             */
            closed_rooms: number;
            /**
             * @description Rooms whose time ran out.
             * @example 2
             */
            expired_rooms: number;
            /**
             * @description Everyone who ever joined one of these rooms.
             * @example 45
             */
            total_participants: number;
            /**
             * @description Those in a room now.
             * @example 15
             */
            active_participants: number;
        };
        /**
         * StatisticsResponse
         * @description Figures for a dashboard.
         */
        StatisticsResponse: {
            statistics: components["schemas"]["StatisticsCounts"];
        };
        /**
         * UnreadyResponse
         * @description This process is not able to serve.
         */
        UnreadyResponse: {
            /**
             * @description `draining`: it is stopping. `store_unavailable`: its store cannot be written to.
             * @example draining
             */
            status: "draining" | "store_unavailable" | (string & {});
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: {
        /**
         * @description Names this request in the service's log. Yours, if you sent a valid one.
         * @example 12cbc86430167f15
         */
        "X-Request-Id": string;
        /**
         * @description Path of the new room.
         * @example /api/rooms/a7x9k2
         */
        Location: string;
        /**
         * @description There, as `true`, if an earlier call with this `Idempotency-Key` made the room.
         * @example true
         */
        "Idempotency-Replayed": "true";
        /**
         * @description How to authenticate: always `ApiKey`.
         * @example ApiKey
         */
        "WWW-Authenticate": "ApiKey";
        /**
         * @description Seconds to wait before trying again.
         * @example 1
         */
        "Retry-After": number;
    };
    pathItems: never;
}
export type ConnectionState = components['schemas']['ConnectionState'];
export type CreateRoomRequest = components['schemas']['CreateRoomRequest'];
export type ErrorBody = components['schemas']['ErrorBody'];
export type ErrorCode = components['schemas']['ErrorCode'];
export type HealthMetrics = components['schemas']['HealthMetrics'];
export type HealthResponse = components['schemas']['HealthResponse'];
export type ReadyResponse = components['schemas']['ReadyResponse'];
export type RoomCreated = components['schemas']['RoomCreated'];
export type RoomDeleted = components['schemas']['RoomDeleted'];
export type RoomDetails = components['schemas']['RoomDetails'];
export type RoomList = components['schemas']['RoomList'];
export type RoomParticipant = components['schemas']['RoomParticipant'];
export type RoomState = components['schemas']['RoomState'];
export type RoomSummary = components['schemas']['RoomSummary'];
export type StatisticsCounts = components['schemas']['StatisticsCounts'];
export type StatisticsResponse = components['schemas']['StatisticsResponse'];
export type UnreadyResponse = components['schemas']['UnreadyResponse'];
export type HeaderXRequestId = components['headers']['X-Request-Id'];
export type HeaderLocation = components['headers']['Location'];
export type HeaderIdempotencyReplayed = components['headers']['Idempotency-Replayed'];
export type HeaderWwwAuthenticate = components['headers']['WWW-Authenticate'];
export type HeaderRetryAfter = components['headers']['Retry-After'];
export type $defs = Record<string, never>;
export interface operations {
    list_rooms: {
        parameters: {
            query?: {
                /** @description Only rooms in this state. */
                state?: components["schemas"]["RoomState"];
                /** @description Only rooms of this owner. */
                owner_id?: string;
                /** @description How many rooms to answer at most. */
                limit?: number;
                /** @description `next_cursor` of the page before; left out, the first page. Opaque: do not make one. */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A page of rooms, newest first. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RoomList"];
                };
            };
            /** @description A field of the body, the query, the path or a header is not valid; `detail` names it. */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The `X-API-Key` header is missing or holds no valid key. */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The service failed at this request; its log says why, under the answer's `X-Request-Id`. */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The store cannot serve now. Nothing was changed: try again after `Retry-After` seconds. */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    create_room: {
        parameters: {
            query?: never;
            header?: {
                /** @description Makes the call safe to repeat: the same key with the same body within 24 hours answers the same room. 1 to 255 printable ASCII characters without spaces; a UUID serves well. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        /** @description What the room shall be like. Left out, or `{}`: the operator's defaults. */
        requestBody?: {
            content: {
                "application/json": components["schemas"]["CreateRoomRequest"];
            };
        };
        responses: {
            /** @description The room exists and can be joined. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Location: components["headers"]["Location"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RoomCreated"];
                };
            };
            /** @description A field of the body, the query, the path or a header is not valid; `detail` names it. */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The `X-API-Key` header is missing or holds no valid key. */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description This `Idempotency-Key` was used within 24 hours for a different request. */
            409: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The request body is larger than 64 KiB. */
            413: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The service failed at this request; its log says why, under the answer's `X-Request-Id`. */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The store cannot serve now. Nothing was changed: try again after `Retry-After` seconds. */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_room: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The room's code, in any case.
                 * @example a7x9k2
                 */
                room_code: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The room, and who is in it. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RoomDetails"];
                };
            };
            /** @description A field of the body, the query, the path or a header is not valid; `detail` names it. */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The `X-API-Key` header is missing or holds no valid key. */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No room has this code, or it ended long ago and was purged. Check the code. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The service failed at this request; its log says why, under the answer's `X-Request-Id`. */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The store cannot serve now. Nothing was changed: try again after `Retry-After` seconds. */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    delete_room: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /**
                 * @description The room's code, in any case.
                 * @example a7x9k2
                 */
                room_code: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The room has ended. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["RoomDeleted"];
                };
            };
            /** @description A field of the body, the query, the path or a header is not valid; `detail` names it. */
            400: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The `X-API-Key` header is missing or holds no valid key. */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description No room has this code, or it ended long ago and was purged. Check the code. */
            404: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The service failed at this request; its log says why, under the answer's `X-Request-Id`. */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The store cannot serve now. Nothing was changed: try again after `Retry-After` seconds. */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    get_statistics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Counts over all rooms not yet purged. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StatisticsResponse"];
                };
            };
            /** @description The `X-API-Key` header is missing or holds no valid key. */
            401: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "WWW-Authenticate": components["headers"]["WWW-Authenticate"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The service failed at this request; its log says why, under the answer's `X-Request-Id`. */
            500: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
            /** @description The store cannot serve now. Nothing was changed: try again after `Retry-After` seconds. */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ErrorBody"];
                };
            };
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It is. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HealthResponse"];
                };
            };
        };
    };
    readiness: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It can. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReadyResponse"];
                };
            };
            /** @description It cannot now. */
            503: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UnreadyResponse"];
                };
            };
        };
    };
}
