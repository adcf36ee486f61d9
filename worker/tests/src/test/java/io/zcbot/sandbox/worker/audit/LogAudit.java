/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.worker.audit.log.LogRecord;
import io.zcbot.sandbox.worker.audit.result.Violation;
import java.time.Instant;
import java.util.List;

/** Audits records in memory, in one thread. */
public final class LogAudit {
  private LogAudit() {}

  /**
   * What the audit finds.
   *
   * @param records in the order in which they were appended
   */
  public static List<String> violations(Rules rules, List<LogRecord> records, Instant end) {
    return TestLog.audit(rules, records, end.toEpochMilli()).violations().stream()
        .map(LogAudit::text)
        .toList();
  }

  private static String text(Violation violation) {
    return violation.check().label() + ": " + violation.text() + ", " + violation.evidence();
  }
}
