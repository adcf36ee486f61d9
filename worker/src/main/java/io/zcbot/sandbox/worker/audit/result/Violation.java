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
 * Something that must not be, and the records that prove it.
 *
 * @param user whose records these are; null for a record that names no user
 * @param evidence in the order of the text
 */
public record Violation(
    Check check, @Nullable UserId user, String text, List<RecordPosition> evidence)
    implements Observation {}
