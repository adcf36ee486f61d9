/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Deadline;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.ensure.EnsureRequest;
import io.zcbot.sandbox.worker.kafka.Origins;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import org.HdrHistogram.Histogram;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Whether users wait for other users' creates. */
final class HeadOfLine implements Experiment {
  private static final int RATE = 200;
  private static final int COLD = 50;
  private static final Duration CREATE = Duration.ofMillis(200);
  private static final Duration LOOK = Duration.ofNanos(400_000);

  private static final String LANES = "ours, unloaded";
  private static final String LANES_LOADED = "ours, 50 creates in flight";
  private static final String PLAIN = "one record at a time, unloaded";
  private static final String PLAIN_LOADED = "one record at a time, 50 creates in flight";

  @Override
  public void run(Setting setting, Report report) throws Exception {
    Latencies all = new Latencies();
    for (int round = -1; round < setting.rounds(); round++) {
      Latencies latencies = round < 0 ? new Latencies() : all;
      lanes(setting, "hol-lanes" + round + ".", latencies);
      if (round >= 0) {
        plain(setting, "hol-plain" + round + ".", latencies);
        Setting.say(
            "round %d: %s, %s",
            round,
            all.rounds().ratioText(LANES_LOADED + " p99", LANES + " p99"),
            all.rounds().ratioText(PLAIN_LOADED + " p99", PLAIN + " p99"));
      }
    }
    report.title("Head of line");
    report.line(
        "Hot ensures at "
            + RATE
            + "/s (open loop) on one partition, from publish to received ready, alone and while "
            + COLD
            + " creates of the same partition are in flight. Fake engine: creates 200 ms, 4 at a"
            + " time; look-ups 0.4 ms. Milliseconds; median of the rounds' percentiles [range].");
    report.line("");
    report.table(
        List.of("", "p50", "p95", "p99"),
        List.of(all.row(LANES), all.row(LANES_LOADED), all.row(PLAIN), all.row(PLAIN_LOADED)));
    Rounds rounds = all.rounds();
    report.target(
        "p99 loaded ≤ 2× unloaded",
        rounds.ratioMedian(LANES_LOADED + " p99", LANES + " p99") <= 2,
        rounds.ratioText(LANES_LOADED + " p99", LANES + " p99")
            + "; one record at a time: "
            + rounds.ratioText(PLAIN_LOADED + " p99", PLAIN + " p99"));
  }

  private static void lanes(Setting setting, String prefix, Latencies into) throws Exception {
    setting.kafka().createTopics(prefix, 1);
    try (LocalWorker _ =
            new LocalWorker(
                    setting.kafka(),
                    prefix,
                    prefix + "worker",
                    1,
                    new FakeEngine(prefix + "worker", CREATE, LOOK),
                    setting.workspaces(prefix))
                .start();
        Client client = new Client(setting.kafka(), prefix, 1)) {
      measure(client, LANES, LANES_LOADED, 2, into);
    }
  }

  private static void plain(Setting setting, String prefix, Latencies into) throws Exception {
    setting.kafka().createTopics(prefix, 1);
    try (LocalWorker worker =
            new LocalWorker(
                setting.kafka(),
                prefix,
                prefix + "worker",
                1,
                new FakeEngine(prefix + "worker", CREATE, LOOK),
                setting.workspaces(prefix));
        Client client = new Client(setting.kafka(), prefix, 1)) {
      AtomicBoolean over = new AtomicBoolean();
      Thread loop =
          Thread.ofPlatform().start(() -> oneAtATime(setting.kafka(), prefix, worker, over));
      try {
        measure(client, PLAIN, PLAIN_LOADED, 1, into);
      } finally {
        over.set(true);
        loop.join();
      }
    }
  }

  private static void measure(
      Client client, String unloaded, String loaded, int bursts, Latencies into) throws Exception {
    List<UserId> hot = Kafka.usersInEach(1, 20);
    client.ensureAll(hot, Latencies.histogram());
    client.awaitAnswers();
    hot(client, hot, 0.5, Latencies.histogram());
    Histogram alone = Latencies.histogram();
    hot(client, hot, 4, alone);
    into.add(unloaded, alone);
    Histogram beside = Latencies.histogram();
    for (int burst = 0; burst < bursts; burst++) {
      client.ensureAll(Kafka.usersInEach(1, COLD), Latencies.histogram());
      hot(client, hot, COLD / LocalWorker.CREATES * 0.2, beside);
    }
    into.add(loaded, beside);
  }

  private static void hot(Client client, List<UserId> users, double seconds, Histogram into)
      throws Exception {
    OpenLoop.run(
        RATE, seconds, (i, intended) -> client.ensure(users.get(i % users.size()), intended, into));
    client.awaitAnswers();
  }

  /** How it is commonly done. */
  private static void oneAtATime(
      Kafka kafka, String prefix, LocalWorker worker, AtomicBoolean over) {
    try (Consumer<byte[], byte[]> consumer = kafka.plainMember(prefix + "plain")) {
      consumer.subscribe(List.of(prefix + "ensure"));
      while (!over.get()) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
          Origin origin = Origins.of(record);
          Ensure ensure = Kafka.CODEC.decodeEnsure(record.key(), record.value(), origin);
          long now = System.nanoTime();
          worker
              .ensurer()
              .ensure(
                  new EnsureRequest(
                      ensure,
                      record.partition(),
                      now,
                      Deadline.in(Duration.ofHours(1), Time.system()),
                      Fence.OPEN));
        }
        consumer.commitAsync();
      }
    } catch (FencedException | InterruptedException | EventFormatException e) {
      throw new IllegalStateException(e);
    }
  }
}
