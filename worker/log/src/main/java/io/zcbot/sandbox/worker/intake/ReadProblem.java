/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.kafka.Denials;
import io.zcbot.sandbox.worker.kafka.OutageLog;
import java.time.Duration;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.acl.AclOperation;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;

/**
 * Why a topic is not being read, for readiness and the log. Only the thread that reads writes it.
 *
 * <p>A consumer without permission to read a topic can still join its group and ask for the end of
 * the topic. So after a denial only a record that was read, or a while of fetching without another
 * denial, shows that reading works.
 */
final class ReadProblem {
  /** How long fetching must go undenied; the brokers deny a fetch at once. */
  static final Duration PROOF = Duration.ofSeconds(2);

  private final String what;
  private final Time time;
  private final OutageLog outage;
  private volatile @Nullable String text = "Kafka has not been reached yet";
  private boolean denied;
  private @Nullable Long fetchingSince;

  /**
   * Starts with nothing read yet.
   *
   * @param what is read, for messages
   */
  ReadProblem(String what, Logger log, Time time) {
    this.what = what;
    this.time = time;
    this.outage = new OutageLog(log, time);
  }

  /** The problem; null while reading works. Any thread. */
  @Nullable String text() {
    return text;
  }

  /** Reading does not work at the moment. */
  void is(String problem) {
    text = problem;
    outage.failed(problem);
  }

  /** A consumer failed, and will be replaced. */
  void failed(Throwable failure) {
    denied = Denials.isDenial(failure);
    fetchingSince = null;
    String problem =
        "reading "
            + what
            + " failed: "
            + Denials.reason(AclOperation.READ, failure, failure.toString());
    text = problem;
    outage.failed(
        problem + "; starting over with a new consumer",
        failure instanceof KafkaException ? null : failure);
  }

  void stopped() {
    text = "stopped";
  }

  /** Records were read. */
  void read() {
    denied = false;
    works(true);
  }

  /**
   * Nothing failed, though nothing may have been read.
   *
   * @param fetching whether the consumer fetches any partition
   */
  void works(boolean fetching) {
    if (text == null || (denied && !isProven(fetching))) {
      return;
    }
    denied = false;
    text = null;
    outage.works("reading " + what + " works again");
  }

  private boolean isProven(boolean fetching) {
    if (!fetching) {
      fetchingSince = null;
      return false;
    }
    long now = time.nanos();
    if (fetchingSince == null) {
      fetchingSince = now;
    }
    return now - fetchingSince >= PROOF.toNanos();
  }
}
