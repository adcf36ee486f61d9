/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.result;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A violated guarantee, and the records that prove it.
 *
 * @param user the user of these records; null for a record without a user
 * @param until the latest time that it may concern: that of the newest of the records, or when what
 *     is missing was due; {@link Instant#MAX} where the log does not tell, or where no sum depends
 *     on it
 * @param evidence in the order of the text
 */
public record Violation(
    Check check, @Nullable UserId user, Instant until, String text, List<RecordPosition> evidence)
    implements Observation {}
