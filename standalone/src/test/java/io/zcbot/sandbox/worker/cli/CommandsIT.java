/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.standalone.EmbeddedBroker;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.LogReader;
import io.zcbot.sandbox.worker.publish.KafkaSandboxLog;
import io.zcbot.sandbox.worker.publish.Publisher;
import io.zcbot.sandbox.worker.reply.Replies;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.function.Function;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands against a real broker. The test plays the worker that answers ensures. */
class CommandsIT {
  @TempDir private static Path data;
  private static EmbeddedBroker broker;
  private static Map<String, String> env;

  private final UserId user = new UserId(UUID.randomUUID());
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private final FakeEngine engine = new FakeEngine();

  @BeforeAll
  static void start() throws Exception {
    broker = EmbeddedBroker.start(data, 0);
    env =
        Map.of(
            "ZCBOT_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrapServers(),
            "ZCBOT_TOPICS_PARTITIONS", "4",
            "ZCBOT_WORKER_ID", "w1",
            "ZCBOT_HOST", "h1",
            "ZCBOT_OPS_ADDRESS", "off");
    StringWriter said = new StringWriter();
    PrintWriter to = new PrintWriter(said, true);
    int exitCode = Cli.commandLine(new Console(env, to, to, false)).execute("topics", "create");
    assertThat(said.toString()).contains("created  sandbox.ensure (4 partitions)");
    assertThat(exitCode).isZero();
  }

  @AfterAll
  static void stop() throws Exception {
    broker.close();
  }

  private int sandbox(String... args) {
    return sandbox(env, args);
  }

  private int sandbox(Map<String, String> environment, String... args) {
    Console console =
        new Console(environment, new PrintWriter(out, true), new PrintWriter(err, true), false);
    return Cli.commandLine(console, _ -> engine).execute(args);
  }

  private KafkaLog log() throws Exception {
    return log(env);
  }

  private static KafkaLog log(Map<String, String> environment) throws Exception {
    return new KafkaLog(WorkerConfig.fromEnvironment(environment).kafka());
  }

  private Ready ready(String ensureId) {
    return new Ready(
        EventIds.ready(user, ensureId, "0123456789abcdef"),
        user,
        ensureId,
        Instant.now(),
        new ContainerRef(Container.nameOf(user), "0123456789abcdef", "h1", "w1"),
        Ready.Outcome.CREATED,
        new Ready.Environment("unix:///x", "i", "default", "/w", Duration.ofMinutes(5)),
        321);
  }

  private Failed failed(String ensureId) {
    return new Failed(
        EventIds.failed(user, ensureId),
        user,
        ensureId,
        Instant.now(),
        Failed.Reason.IMAGE_MISSING,
        "no such image",
        false);
  }

  /** Answers the user's next ensure as a worker does, after an answer to somebody else. */
  private Thread answering(Function<String, SandboxEvent> answer) throws Exception {
    return answering(env, answer);
  }

  private Thread answering(Map<String, String> environment, Function<String, SandboxEvent> answer)
      throws Exception {
    KafkaLog log = log(environment);
    Consumer<byte[], byte[]> ensures = log.fromEnd(Topic.ENSURE);
    return Thread.ofVirtual()
        .start(
            () -> {
              try (log;
                  ensures) {
                while (true) {
                  for (ConsumerRecord<byte[], byte[]> record :
                      ensures.poll(Duration.ofMillis(100))) {
                    SandboxEvent ensure = Records.event(record, log.config().topicPrefix()).event();
                    if (ensure != null && ensure.userId().equals(user)) {
                      log.publish(ready("another"));
                      log.publish(answer.apply(ensure.eventId()));
                      return;
                    }
                  }
                }
              } catch (CommandException e) {
                throw new IllegalStateException(e);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            });
  }

  @Test
  void ensureWaitsForTheReadyThatNamesIt() throws Exception {
    Thread worker = answering(this::ready);
    assertThat(sandbox("ensure", user.toString())).isZero();
    worker.join();
    assertThat(out.toString())
        .isEqualTo("ready  created in 321 ms, zcbot-sandbox-" + user + " (0123456789ab) on h1\n");
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void ensureTellsAFailedByItsExitCode() throws Exception {
    Thread worker = answering(this::failed);
    assertThat(sandbox("ensure", "--json", user.toString())).isEqualTo(ExitCode.FAILED);
    worker.join();
    assertThat(out.toString())
        .startsWith("{\"event_id\":\"")
        .contains("\"reason\":\"image_missing\"");
  }

  @Test
  void ensureGivesUpAfterTheTimeout() {
    assertThat(sandbox("ensure", "--timeout", "500ms", user.toString()))
        .isEqualTo(ExitCode.TIMEOUT);
    assertThat(err.toString()).startsWith("no answer to ensure ").contains("within 500ms");
  }

  @Test
  void whatIsPublishedIsSeenByWatch() {
    assertThat(sandbox("ensure", "--no-wait", "--expires-in", "5m", user.toString())).isZero();
    assertThat(sandbox("activity", user.toString())).isZero();
    assertThat(out.toString()).contains("published ensure ", "published activity ");
    out.getBuffer().setLength(0);

    assertThat(sandbox("watch", "--from-beginning", "--user", user.toString(), "--count", "2"))
        .isZero();
    assertThat(out.toString().lines())
        .hasSize(2)
        .anyMatch(line -> line.contains("  ensure       " + user + "  by cli, expires "))
        .anyMatch(line -> line.contains("  activity     " + user + "  from cli"));
  }

  /** A poll returns up to 500 records, of one topic after those of another. */
  @Test
  void whatIsPastIsPrintedInTheOrderOfItsTimes() throws Exception {
    List<String> kinds = new ArrayList<>();
    try (KafkaLog log = log()) {
      for (int i = 0; i < 300; i++) {
        Exec exec = SampleEvents.exec(user, true, "cat");
        log.publish(exec);
        new CommandInput(new KafkaCommandLog(log, user, Topic.EXITED), user, exec.eventId())
            .send(new Input.Content.End());
        kinds.addAll(List.of("exec", "input"));
        Thread.sleep(2); // of records of one millisecond, execs come first
      }
    }
    String[] watch = {"watch", "--from-beginning", "--user", user.toString(), "--count", "600"};
    assertThat(sandbox(watch)).isZero();
    assertThat(out.toString().lines().map(line -> line.strip().split(" +")[1])).isEqualTo(kinds);
  }

  /** Where the past ends, what comes next begins, in every partition. */
  @Test
  void afterThePastComesWhatIsPublishedMeanwhile() throws Exception {
    assertThat(sandbox("activity", user.toString())).isZero();
    out.getBuffer().setLength(0);
    Thread watching =
        Thread.ofPlatform()
            .start(
                () ->
                    sandbox(
                        "watch", "--from-beginning", "--user", user.toString(), "--count", "2"));
    await().until(() -> out.toString().contains("activity"));
    try (KafkaLog log = log()) {
      log.publish(new Activity("later", user, Instant.now(), "later"));
    }
    assertThat(watching.join(Duration.ofSeconds(60))).isTrue();
    assertThat(out.toString().lines()).hasSize(2).last().asString().contains("from later");
  }

  @Test
  void watchBeginsWithWhatComesNext() throws Exception {
    sandbox("activity", user.toString());
    Thread watching =
        Thread.ofPlatform()
            .start(() -> sandbox("watch", "--json", "--count", "1", "--user", user.toString()));
    // Publishes until the watch has found its place and sees one.
    while (watching.isAlive()) {
      try (KafkaLog log = log()) {
        log.publish(new Activity("later", user, Instant.now(), null));
      }
      watching.join(Duration.ofMillis(200));
    }
    assertThat(out.toString()).contains("\"event_id\":\"later\"");
  }

  @Test
  void psTakesIdleTimesFromTheTopics() throws Exception {
    try (KafkaLog log = log()) {
      log.publish(ready("e"));
    }
    engine.containers.put("c1", container("w1"));
    assertThat(sandbox("ps")).isZero();
    assertThat(out.toString())
        .containsPattern(user + "  default  running  1m\\d+s  \\d+s +0 +other  w1");
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void psShowsTheAgeOfAClaimedSlotSinceItsClaim() throws Exception {
    openLive("c1", Duration.ofSeconds(65));
    engine.containers.put(
        "c1",
        new Container(
            "c1",
            Container.nameOf(user),
            Container.State.RUNNING,
            new Container.Ownership(user, "slot", "w1", true),
            "hash",
            Instant.now().minus(Duration.ofHours(3)),
            null,
            false));
    assertThat(sandbox("ps")).isZero();
    assertThat(out.toString())
        .containsPattern(user + "  default  running  1m\\d+s  -     0     other  w1");
  }

  @Test
  void psOfAllHostsListsTheLiveTable() throws Exception {
    openLive("c9", Duration.ofSeconds(65));
    assertThat(sandbox("ps", "--all-hosts")).isZero();
    assertThat(out.toString()).containsPattern(user + "  default  h7    w7      1m\\d+s +- +0 +c9");
    assertThat(sandbox("ps", "--all-hosts", "--json")).isZero();
    assertThat(out.toString()).contains("\"host\":\"h7\"", "\"container_id\":\"c9\"");
    assertThat(err.toString()).isEmpty();
    try (KafkaLog log = log()) {
      log.removeLive(user, "c9");
    }
    out.getBuffer().setLength(0);
    assertThat(sandbox("ps", "--all-hosts")).isZero();
    assertThat(out.toString()).doesNotContain(user.toString());
  }

  @Test
  void getDescribesTheSandboxOfOneUser() throws Exception {
    try (KafkaLog log = log()) {
      log.publish(new Ensure("e0", user, Instant.now(), "svc", null));
      log.publish(failed("e0"));
      log.publish(new Ensure("e1", user, Instant.now(), "svc", null));
      log.publish(ready("e1"));
      log.publish(new Activity("a1", user, Instant.now(), "svc"));
      log.publish(new Ensure("other", new UserId(UUID.randomUUID()), Instant.now(), "svc", null));
    }
    openLive("0123456789abcdef", Duration.ofSeconds(65));

    assertThat(sandbox("get", user.toString())).isZero();

    assertThat(out.toString().lines())
        .contains("Sandbox:      zcbot-sandbox-" + user + " (0123456789ab)", "Host:         h7")
        .anyMatch(line -> line.matches("Since: .* \\(1m\\d+s ago\\)"))
        .anyMatch(line -> line.matches("Last use: .* \\(\\d+s ago\\)"))
        .anyMatch(line -> line.matches("Idle TTL: +5m, at least (5m0|4m\\d+)s left"))
        .anyMatch(line -> line.matches("Last ensure: .*, ready, created in 321 ms, .*"))
        .anyMatch(line -> line.startsWith("Events:       the last 4, all since "));
    assertThat(out.toString().lines().filter(line -> line.startsWith("  ")))
        .hasSize(4)
        .anyMatch(
            line ->
                line.endsWith(
                    "  failed       image_missing: no such image, fails again until the cause is fixed"));
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void getOfAUserWithoutASandboxIsExitCode1() throws Exception {
    try (KafkaLog log = log()) {
      log.publish(failed("e0"));
    }
    assertThat(sandbox("get", user.toString())).isEqualTo(ExitCode.FAILED);
    assertThat(out.toString())
        .contains("Sandbox:      none\n", ", failed, image_missing: no such image");
    out.getBuffer().setLength(0);
    assertThat(sandbox("get", "--json", user.toString())).isEqualTo(ExitCode.FAILED);
    assertThat(out.toString()).startsWith("{\"user_id\":\"" + user + "\",\"sandbox\":null,");
    assertThat(err.toString()).isEmpty();
  }

  /** Kafka's own close would wait for the fetch that is on its way. */
  @Test
  void aReaderClosesAtOnce() throws Exception {
    Map<String, String> patient = new HashMap<>(env);
    patient.put("ZCBOT_KAFKA_FETCH_MAX_WAIT_MS", "20000");
    patient.put("ZCBOT_KAFKA_REQUEST_TIMEOUT_MS", "30000");
    patient.put("ZCBOT_KAFKA_DEFAULT_API_TIMEOUT_MS", "40000");
    long began;
    try (KafkaLog log = new KafkaLog(WorkerConfig.fromEnvironment(patient).kafka());
        Consumer<byte[], byte[]> reader = log.fromEnd(Topic.FAILED)) {
      assertThat(reader.poll(Duration.ofMillis(200))).isEmpty();
      began = System.nanoTime();
    }
    assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(10));
  }

  private void openLive(String containerId, Duration age) throws Exception {
    EventCodec codec = new EventCodec();
    LiveSandbox entry = new LiveSandbox(user, containerId, "h7", "w7", Instant.now().minus(age));
    try (KafkaLog log = log();
        Producer<byte[], byte[]> producer = log.clients().producer()) {
      producer
          .send(
              new ProducerRecord<>(
                  "sandbox.live",
                  new KeyPartitions(4).of(user),
                  codec.liveKey(user, containerId),
                  codec.encodeLive(entry)))
          .get();
    }
  }

  /** Publishes a dead letter with a worker's own publisher. */
  private void deadLetter(String value, String... headers) throws Exception {
    RecordHeaders all = new RecordHeaders();
    for (int i = 0; i < headers.length; i += 2) {
      all.add(headers[i], headers[i + 1].getBytes(StandardCharsets.UTF_8));
    }
    ConsumerRecord<byte[], byte[]> record =
        new ConsumerRecord<>(
            "sandbox.activity",
            2,
            7,
            1_700_000_000_000L,
            TimestampType.LOG_APPEND_TIME,
            0,
            0,
            user.toString().getBytes(StandardCharsets.UTF_8),
            value.getBytes(StandardCharsets.UTF_8),
            all,
            Optional.empty());
    try (KafkaLog log = log();
        Publisher worker = worker(log.clients())) {
      EventFormatException why =
          assertThrows(
              EventFormatException.class,
              () ->
                  new EventCodec()
                      .decodeActivity(
                          record.key(),
                          record.value(),
                          new Origin("sandbox.activity", 2, 7, Instant.EPOCH)));
      worker.deadLetter(record, why);
    }
  }

  /** The id of the only dead letter of this test's user. */
  private String listed() {
    assertThat(sandbox("dead-letters", "list", "--topic", "activity", "--from", "1m")).isZero();
    String line =
        out.toString().lines().filter(l -> l.contains(user.toString())).findFirst().orElseThrow();
    out.getBuffer().setLength(0);
    return line.split(" ")[0];
  }

  private static ConsumerRecord<byte[], byte[]> next(Consumer<byte[], byte[]> consumer) {
    return await()
        .pollInSameThread()
        .atMost(Duration.ofSeconds(90))
        .until(() -> consumer.poll(Duration.ofSeconds(1)), polled -> !polled.isEmpty())
        .iterator()
        .next();
  }

  @Test
  void deadLettersAreListedShownAndRedriven() throws Exception {
    String value = "{bad\u001b" + user;
    deadLetter(value, "trace", "1", "zcbot_topic", "of the sender");
    String id = listed();
    assertThat(sandbox("dead-letters", "show", id)).isZero();
    assertThat(out.toString())
        .contains(
            "origin     sandbox.activity-2-7",
            "appended   2023-11-14T22:13:20Z",
            "key        " + user,
            "header     trace: 1",
            "header     zcbot_topic: of the sender",
            "value      {bad\\x1b" + user);
    try (KafkaLog log = log();
        Consumer<byte[], byte[]> activity = log.fromEnd(Topic.ACTIVITY)) {
      assertThat(sandbox("dead-letters", "redrive", id)).isZero();
      ConsumerRecord<byte[], byte[]> again = next(activity);
      assertThat(new String(again.key(), StandardCharsets.UTF_8)).isEqualTo(user.toString());
      assertThat(new String(again.value(), StandardCharsets.UTF_8)).isEqualTo(value);
      assertThat(again.partition()).isEqualTo(new KeyPartitions(4).of(user));
      assertThat(again.headers().toArray())
          .extracting(h -> h.key() + "=" + new String(h.value(), StandardCharsets.UTF_8))
          .containsExactly("trace=1", "zcbot_topic=of the sender", "zcbot_redriven=1");
    }
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void aRecordThatComesBackIsRedrivenSoOftenOnly() throws Exception {
    deadLetter("{again" + user, "zcbot_redriven", "3");
    String id = listed();
    assertThat(sandbox("dead-letters", "redrive", id)).isEqualTo(ExitCode.FAILED);
    assertThat(err.toString()).contains("it was redriven 3 times; to go on, add --force");
    assertThat(sandbox("dead-letters", "redrive", "--dry-run", "--max", "4", id)).isZero();
    assertThat(out.toString()).contains("would redrive " + id + " to sandbox.activity");
    assertThat(sandbox("dead-letters", "redrive", "--force", id)).isZero();
    assertThat(out.toString()).contains("redriven " + id + " at sandbox.activity-");
    assertThat(sandbox("dead-letters", "show", "9-999")).isEqualTo(ExitCode.USAGE);
    assertThat(sandbox("dead-letters", "redrive", "--from", "1m")).isEqualTo(ExitCode.USAGE);
  }

  @Test
  void purgeAnnounces() throws Exception {
    engine.containers.put("c1", container("w1"));
    try (KafkaLog log = log();
        Consumer<byte[], byte[]> reaped = log.fromEnd(Topic.REAPED)) {
      enter(log.clients());
      assertThat(sandbox("purge", "--yes")).isZero();
      ConsumerRecord<byte[], byte[]> record = next(reaped);
      assertThat(Records.event(record, "sandbox.").event())
          .isInstanceOfSatisfying(
              Reaped.class,
              event -> {
                assertThat(event.eventId()).isEqualTo(EventIds.reaped(event.userId(), "c1"));
                assertThat(event.reason()).isEqualTo(Reaped.Reason.PURGED);
                assertThat(event.workerId()).isEqualTo("w1");
                assertThat(event.container().name()).isEqualTo(Container.nameOf(user));
              });
    }
    assertThat(engine.containers).isEmpty();
    assertThat(err.toString()).isEmpty();
  }

  /** What the live table still has, the next takeover would announce lost. */
  @Test
  void purgeRemovesTheEntriesOfTheLiveTable() throws Exception {
    engine.containers.put("c1", container("w1"));
    KeyPartitions partitions = new KeyPartitions(4);
    try (KafkaLog log = log()) {
      KafkaClients clients = log.clients();
      KafkaSandboxLog reader =
          new KafkaSandboxLog(
              new LogReader(() -> clients.freeConsumer("live")),
              "sandbox.",
              partitions,
              KafkaSandboxLog.MAX_BYTES);
      enter(clients);
      assertThat(reader.live(Set.of(partitions.of(user)), Map.of(), true).others())
          .extracting(LiveSandbox::userId)
          .contains(user);

      assertThat(sandbox("purge", "--yes")).isZero();

      assertThat(reader.live(Set.of(partitions.of(user)), Map.of(), true).others())
          .extracting(LiveSandbox::userId)
          .doesNotContain(user);
    }
  }

  private static Publisher worker(KafkaClients clients) {
    return new Publisher(
        clients.producer(),
        new KeyPartitions(4),
        "sandbox.",
        "/zcbot/sandbox/w1",
        "sandbox-workers",
        64,
        Replies.NONE);
  }

  /** The worker w1 enters the container into the live table. */
  private void enter(KafkaClients clients) throws Exception {
    try (Publisher worker = worker(clients)) {
      worker.open(new LiveSandbox(user, "c1", "h1", "w1", Instant.now()));
    }
  }

  @Test
  void purgeRefusesWhileTheWorkerIsInTheGroup() throws Exception {
    engine.containers.put("c1", container("w2"));
    try (KafkaLog log = log();
        Consumer<byte[], byte[]> worker = log.clients().groupConsumer(10, "w2")) {
      worker.subscribe(List.of("sandbox.ensure"));
      long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
      while (worker.assignment().isEmpty() && System.nanoTime() < deadline) {
        worker.poll(Duration.ofMillis(100));
      }
      assertThat(sandbox("purge", "--worker", "w2", "--yes")).isEqualTo(ExitCode.FAILED);
      assertThat(err.toString())
          .contains("it is alive (it is a member of group sandbox-workers", "add --force");
      assertThat(engine.containers).hasSize(1);
      assertThat(sandbox("purge", "--worker", "w2", "--yes", "--force")).isZero();
    }
    assertThat(engine.containers).isEmpty();
  }

  private Container container(String worker) {
    return new Container(
        "c1",
        Container.nameOf(user),
        Container.State.RUNNING,
        new Container.Ownership(user, null, worker, true),
        "hash",
        Instant.now().minusSeconds(65),
        null,
        false);
  }

  @Test
  void topicsAreCheckedAndMissingOnesNamed() {
    assertThat(sandbox("topics", "check")).isZero();
    assertThat(out.toString().lines())
        .containsExactly(
            "ok       sandbox.ensure (4 partitions)",
            "ok       sandbox.activity (4 partitions)",
            "ok       sandbox.ready (4 partitions)",
            "ok       sandbox.reaped (4 partitions)",
            "ok       sandbox.failed (4 partitions)",
            "ok       sandbox.dead-letter (4 partitions)",
            "ok       sandbox.exec (4 partitions)",
            "ok       sandbox.input (4 partitions)",
            "ok       sandbox.started (4 partitions)",
            "ok       sandbox.output (4 partitions)",
            "ok       sandbox.exited (4 partitions)",
            "ok       sandbox.release (4 partitions)",
            "ok       sandbox.expiring (4 partitions)",
            "ok       sandbox.live (4 partitions)",
            "ok       sandbox.commands (4 partitions)",
            "ok       sandbox.current (4 partitions)");

    Map<String, String> elsewhere = new HashMap<>(env);
    elsewhere.put("ZCBOT_TOPIC_PREFIX", "other.");
    assertThat(sandbox(elsewhere, "topics", "check")).isEqualTo(ExitCode.CONFIG);
    assertThat(err.toString()).contains("these topics do not exist: other.ensure, other.activity");
    assertThat(sandbox(elsewhere, "watch")).isEqualTo(ExitCode.CONFIG);
    assertThat(err.toString())
        .contains("the topic does not exist; a worker creates it when it starts");
  }

  /** It surely does not run, which is another answer than that it may run. */
  @Test
  void anExecWhoseTopicDoesNotExistIsNotPublished() {
    Map<String, String> elsewhere = new HashMap<>(env);
    elsewhere.put("ZCBOT_TOPIC_PREFIX", "other.");
    assertThat(sandbox(elsewhere, "exec", "-d", user.toString(), "true"))
        .as(err.toString())
        .isEqualTo(ExitCode.CONFIG);
    assertThat(err.toString())
        .contains(
            "could not publish to other.exec on ",
            ": the topic does not exist; a worker creates it when it starts, and so does 'topics"
                + " create'")
        .doesNotContain("may run");
  }

  @Test
  void topicsThatEndangerWorkersAreWarnedOfWithTheCommandThatChangesThem() throws Exception {
    Map<String, String> weak = new HashMap<>(env);
    weak.put("ZCBOT_TOPIC_PREFIX", "weak.");
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      Map<String, String> settings = new HashMap<>(Topic.ENSURE.requiredSettings());
      settings.put("compression.type", "producer");
      admin
          .createTopics(List.of(new NewTopic("weak.ensure", 4, (short) 1).configs(settings)))
          .all()
          .get();
    }

    assertThat(sandbox(weak, "topics", "create")).isZero();
    String warning =
        "WARN     weak.ensure has compression.type=producer instead of uncompressed, so that a"
            + " small compressed record can exhaust the worker's memory. Run: kafka-configs.sh"
            + " --bootstrap-server "
            + broker.bootstrapServers()
            + " --alter --entity-type topics --entity-name weak.ensure --add-config"
            + " compression.type=uncompressed";
    assertThat(out.toString().lines()).endsWith(warning);
    out.getBuffer().setLength(0);
    assertThat(sandbox(weak, "topics", "check")).isZero();
    assertThat(out.toString().lines()).hasSize(Topic.values().length + 1).endsWith(warning);
  }

  @Test
  void lastUsesReachBackOnlySoFar() throws Exception {
    try (KafkaLog log = log()) {
      log.publish(ready("e"));
      log.publish(new Activity("a", user, Instant.EPOCH, null));
      Instant now = Instant.now();
      // By the brokers' clock, whatever the activity says of itself.
      assertThat(
              Optional.ofNullable(
                  KnownSandboxes.read(log, now.minusSeconds(60)).lastUsed().get(user)))
          .hasValueSatisfying(at -> assertThat(at).isAfter(now.minusSeconds(30)));
      assertThat(KnownSandboxes.read(log, now.plusSeconds(60)).lastUsed()).isEmpty();
    }
  }
}
