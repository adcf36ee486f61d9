/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.startup;

import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.publish.TopicAdmin;
import io.zcbot.sandbox.worker.publish.TopicsException;
import java.util.concurrent.Semaphore;
import org.apache.kafka.clients.admin.Admin;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Notices that somebody raised the number of partitions while the worker runs. */
public final class PartitionWatch {
  private static final Logger log = LoggerFactory.getLogger(PartitionWatch.class);

  private final KafkaClients kafka;
  private final KafkaConfig config;
  private final int served;
  private final Semaphore once = new Semaphore(1);
  private volatile @Nullable String problem;

  /**
   * Has noticed nothing yet.
   *
   * @param served the number of partitions by which the worker serves users
   */
  public PartitionWatch(KafkaClients kafka, KafkaConfig config, int served) {
    this.kafka = kafka;
    this.config = config;
    this.served = served;
  }

  /** What was raised, and what to do about it; null if nothing was. */
  public @Nullable String problem() {
    return problem;
  }

  /** Looks at the topics. Does not block. */
  public void look() {
    if (once.tryAcquire()) {
      Thread.ofVirtual().name("partition-watch").start(this::lookNow);
    }
  }

  private void lookNow() {
    try (Admin admin = kafka.admin()) {
      TopicAdmin topics = new TopicAdmin(admin, config);
      String found = topics.growth(topics.describe(), served);
      if (found != null && !found.equals(problem)) {
        log.warn("{}", found);
      }
      problem = found;
    } catch (TopicsException e) {
      log.debug("the topics could not be looked at: {}", e.getMessage()); // the next time will do
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } finally {
      once.release();
    }
  }
}
