/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.result;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A violated guarantee, and the records that prove it.
 *
 * @param user the user of these records; null for a record without a user
 * @param evidence in the order of the text
 */
public record Violation(
    Check check, @Nullable UserId user, String text, List<RecordPosition> evidence)
    implements Observation {}
