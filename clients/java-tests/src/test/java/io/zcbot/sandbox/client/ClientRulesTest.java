/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.sun.management.ThreadMXBean;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.zcbot.sandbox.client.ClientMetrics.Request;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.ReplyTo;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.io.InputStream;
import java.lang.management.ManagementFactory;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;
import org.apache.kafka.clients.producer.MockProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.Test;

/** Decisions that the client makes without asking a worker or a broker. */
class ClientRulesTest {
  private final UserId user = Samples.user();
  private final MockProducer<byte[], byte[]> producer =
      new MockProducer<>(false, null, new ByteArraySerializer(), new ByteArraySerializer());

  private Publisher publisher(ClientOptions options) {
    return new Publisher(() -> producer, options, Samples.reach());
  }

  private Exec exec(Command command) {
    return command.exec("id", user, Samples.NOW, Samples.NOW.plusSeconds(60), "test", false);
  }

  @Test
  void aCommandNamesAProfileOnlyIfItIsToldTo() {
    assertThat(exec(Command.of("true")).profile()).isNull();
    assertThat(exec(Command.of("true").profile("data-science")).profile())
        .isEqualTo("data-science");
  }

  // Nothing is run twice by a repetition.

  @Test
  void aCommandIsRepeatedOnlyOnceTheFirstExecHasExpired() {
    Instant expiry = Samples.NOW.plusSeconds(10);
    Exited failed = Samples.exited(user, "x", Exited.Reason.FAILED, null, 0, true);
    assertThat(CommandCall.pause(failed, expiry)).hasSeconds(12);
    assertThat(CommandCall.pause(failed, Samples.NOW.minusSeconds(5))).isZero();
    assertThat(CommandCall.attempt(Command.of("true"))).hasSeconds(30);
    assertThat(CommandCall.attempt(Command.of("true").startWithin(Duration.ofHours(1))))
        .hasSeconds(60);
    assertThat(CommandCall.attempt(Command.of("true").stdin(InputStream.nullInputStream())))
        .hasSeconds(60);
    Exited expired = Samples.exited(user, "x", Exited.Reason.EXPIRED, null, 0, true);
    assertThat(CommandCall.pause(expired, expiry)).isZero();
  }

  @Test
  void missingOutputIsAwaitedForLongerWhereItIsOnlyLate() {
    ClientOptions options = ClientOptions.defaults();
    assertThat(CommandCall.lateOutput(options)).hasSeconds(60);
    assertThat(CommandCall.lateOutput(options.withReplyTopic("sandbox.reply.mine"))).hasSeconds(10);
  }

  @Test
  void onlyWhatDidNotStartIsSaidNotToHaveStarted() {
    assertEnding(Exited.Reason.FAILED, null, CommandNotStartedException.class);
    assertEnding(Exited.Reason.SANDBOX_GONE, null, CommandNotStartedException.class);
    assertEnding(Exited.Reason.SANDBOX_GONE, Samples.NOW, CommandLostException.class);
    assertEnding(Exited.Reason.LOST, null, CommandLostException.class);
    assertEnding(Exited.Reason.TIMEOUT, Samples.NOW, CommandTimeoutException.class);
    assertEnding(Exited.Reason.UNKNOWN, Samples.NOW, CommandLostException.class);
  }

  /** The contract says so: such a reason is taken as unknown, and the exit code counts. */
  @Test
  void anExitCodeIsAResultWhateverANewerWorkersReason() throws Exception {
    EventCodec codec = new EventCodec();
    Exited exited = Samples.exited(user, "x", 0);
    String future =
        new String(codec.encode(exited), StandardCharsets.UTF_8)
            .replace("\"reason\":\"exited\",\"exit_code\":0", "\"reason\":\"new\",\"exit_code\":3");
    SandboxEvent read =
        codec.decode(
            Topic.EXITED,
            codec.key(exited),
            future.getBytes(StandardCharsets.UTF_8),
            new Origin("sandbox.exited", 0, 0, Samples.NOW));
    assertThat(((Exited) read).reason()).isEqualTo(Exited.Reason.UNKNOWN);
    assertThat(Endings.result((Exited) read, transcript()).exitCode()).isEqualTo(3);
  }

  @Test
  void thatMemoryWasUsedUpIsInTheResult() throws Exception {
    EventCodec codec = new EventCodec();
    Exited exited = Samples.exited(user, "x", 0);
    String used =
        new String(codec.encode(exited), StandardCharsets.UTF_8)
            .replaceAll("}$", ",\"oom_killed\":true,\"memory_limit_bytes\":536870912}");
    SandboxEvent read =
        codec.decode(
            Topic.EXITED,
            codec.key(exited),
            used.getBytes(StandardCharsets.UTF_8),
            new Origin("sandbox.exited", 0, 0, Samples.NOW));
    CommandResult result = Endings.result((Exited) read, transcript());
    assertThat(result.isOutOfMemory()).isTrue();
    assertThat(result.memoryLimit()).isEqualTo(512L << 20);
    assertThat(Endings.result(exited, transcript()).isOutOfMemory()).isFalse();
  }

  private static Transcript transcript() {
    return new Transcript(1, Duration.ofSeconds(10), () -> 0);
  }

  private void assertEnding(Exited.Reason reason, Instant startedAt, Class<?> type) {
    Exited exited = Samples.exited(user, "x", reason, startedAt, 0, false);
    assertThatThrownBy(() -> Endings.result(exited, transcript())).isInstanceOf(type);
  }

  // Results.

  private static CommandResult result(String stdout, boolean isTruncated) {
    return new CommandResult(
        3,
        0,
        Data.of(stdout),
        Data.of("oh\u202e"),
        isTruncated,
        0,
        null,
        Duration.ofMillis(5),
        null,
        Samples.CONTAINER,
        false,
        null);
  }

  @Test
  void outputThatIsCutIsNoText() {
    CommandResult cut = result("some", true);
    assertThatThrownBy(cut::stdout)
        .isInstanceOfSatisfying(
            OutputTruncatedException.class, e -> assertThat(e.result()).isEqualTo(cut))
        .hasMessageContaining("9 bytes are left", "Command.maxOutput()");
    assertThat(cut.stdoutBytes()).asString(StandardCharsets.UTF_8).isEqualTo("some");
    assertThat(cut.stderr()).isEqualTo("oh\u202e");
    assertThat(result("some", false).stdout()).isEqualTo("some");
  }

  @Test
  void aResultIsShownWithItsOutput() {
    assertThat(result("a \"b\"\n\u001b", false))
        .hasToString(
            "CommandResult[exitCode=3, stdout=\"a \\\"b\\\"\\n\\u{1b}\", stderr=\"oh\\u{202e}\","
                + " took=PT0.005S]");
    assertThat(result("x".repeat(5000), true).toString())
        .contains("x\" and 4000 more bytes, stderr=", ", output was cut off, took=")
        .hasSizeLessThan(1200);
  }

  // Brokers that were never reached.

  /** Java's Kafka client would throw a KafkaException that says nothing of the name. */
  @Test
  void aNameThatDoesNotResolveIsReported() {
    for (String servers : List.of("nosuch.invalid:9092", "nosuch.invalid:9092, other.invalid:1")) {
      assertThatThrownBy(() -> SandboxClient.connect(servers))
          .isInstanceOf(KafkaUnreachableException.class)
          .hasMessageContaining("at nosuch.invalid:9092")
          .hasMessageContaining("the name nosuch.invalid does not resolve");
    }
    assertThatThrownBy(() -> SandboxClient.connect("no port")).isInstanceOf(KafkaException.class);
  }

  @Test
  void eachCallTellsWithin10SecondsThatNoBrokerWasEverReached() throws Exception {
    try (SandboxClient client = SandboxClient.connect("127.0.0.1:1");
        Sandbox sandbox = client.sandbox(user);
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Map<String, Callable<Object>> calls = new HashMap<>();
      calls.put("commands", sandbox::commands);
      calls.put("attach", () -> sandbox.attach("x"));
      calls.putAll(
          Map.of(
              "ensure", sandbox::ensure,
              "run", () -> sandbox.run("true"),
              "start", () -> sandbox.start(Command.of("cat").openStdin()),
              "list", () -> sandbox.files().list("."),
              "readAllBytes", () -> sandbox.files().readAllBytes("a"),
              "write",
                  () -> {
                    sandbox.files().write("a", new byte[1]);
                    return null;
                  },
              "release",
                  () -> {
                    sandbox.release();
                    return null;
                  },
              "release and wait", () -> sandbox.release(Duration.ofSeconds(60)),
              "subscription", () -> sandbox.onReaped(end -> {}),
              "brief", () -> sandbox.ensure(EnsureOptions.DEFAULT.within(Duration.ofSeconds(3)))));
      long began = System.nanoTime();
      Map<String, Future<Object>> ends = new HashMap<>();
      calls.forEach((name, call) -> ends.put(name, threads.submit(call)));
      for (Map.Entry<String, Future<Object>> end : ends.entrySet()) {
        assertThatThrownBy(() -> end.getValue().get(60, TimeUnit.SECONDS))
            .as(end.getKey())
            .cause()
            .isInstanceOfSatisfying(
                KafkaUnreachableException.class,
                e -> assertThat(e.address()).isEqualTo("127.0.0.1:1"))
            .hasMessageContaining("no Kafka broker was reached at 127.0.0.1:1: ")
            .hasMessageContaining("Connection refused");
      }
      assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(10));
    }
  }

  // Publishing.

  @Test
  void aRequestCarriesTheReplyTopicAndAnInputDoesNot() {
    Publisher publisher = publisher(ClientOptions.defaults().withReplyTopic("sandbox.reply.mine"));
    publisher.publishLater(exec(Command.of("true")), (metadata, e) -> {});
    awaitPublished(1);
    publisher.publishLater(
        CommandInput.event(user, "id", new Input.Content.End()), (metadata, e) -> {});
    awaitPublished(2);
    var records = producer.history();
    assertThat(records.get(0).topic()).isEqualTo("sandbox.exec");
    assertThat(records.get(0).partition()).isNull();
    assertThat(records.get(0).headers().lastHeader(ReplyTo.HEADER).value())
        .asString(StandardCharsets.UTF_8)
        .isEqualTo("sandbox.reply.mine");
    assertThat(records.get(1).headers()).isEmpty();
  }

  private void awaitPublished(int count) {
    await().atMost(Duration.ofSeconds(60)).until(() -> producer.history().size() == count);
  }

  @Test
  void aReplyTopicElsewhereIsRefused() {
    assertThatThrownBy(() -> ClientOptions.defaults().withReplyTopic("sandbox.ready"))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageContaining("sandbox.reply.");
  }

  /** Brokers may refuse the credentials until then, and a producer would not get over that. */
  @Test
  void aProducerIsMadeOnceThereIsSomethingToPublish() {
    List<Producer<byte[], byte[]>> made = new ArrayList<>();
    Publisher publisher =
        new Publisher(
            () -> {
              made.add(producer);
              return producer;
            },
            ClientOptions.defaults(),
            Samples.reach());
    assertThat(made).isEmpty();
    publisher.publishLater(exec(Command.of("true")), (metadata, e) -> {});
    publisher.publishLater(exec(Command.of("true")), (metadata, e) -> {});
    publisher.close(); // waits for them
    assertThat(made).hasSize(1);
    assertThat(producer.history()).hasSize(2);
    assertThat(producer.closed()).isTrue();
  }

  @Test
  void noProducerIsMadeOnceTheClientIsClosed() {
    Publisher publisher =
        new Publisher(
            () -> {
              throw new AssertionError("a producer that nobody closes");
            },
            ClientOptions.defaults(),
            Samples.reach());
    publisher.close();
    assertThatThrownBy(() -> publisher.publishLater(exec(Command.of("true")), (metadata, e) -> {}))
        .isInstanceOf(ClientClosedException.class);
  }

  @Test
  void settingsThatTheProducerRefusesAreRefusedAtOnce() {
    KafkaSettings settings =
        new KafkaSettings(Map.of("bootstrap.servers", "h:1", "compression.type", "x"));
    assertThatThrownBy(settings::producer)
        .isInstanceOf(KafkaException.class)
        .hasMessageContaining("compression.type");
    settings =
        new KafkaSettings(Map.of("bootstrap.servers", "h:1", "delivery.timeout.ms", "20000"));
    assertThatThrownBy(settings::producer)
        .isInstanceOf(KafkaException.class)
        .hasMessageContaining("delivery.timeout.ms");
  }

  /** As in a pool that has been made before the service's class loader. */
  @Test
  void theFirstRequestMayBeMadeInAThreadWithAnotherClassLoader() throws Exception {
    Supplier<Producer<byte[], byte[]>> maker =
        new KafkaSettings(Map.of("bootstrap.servers", "127.0.0.1:1")).producer();
    FutureTask<Boolean> first =
        new FutureTask<>(
            () -> {
              try (Producer<byte[], byte[]> producer = maker.get()) {
                return producer != null;
              }
            });
    Thread thread = new Thread(first);
    thread.setContextClassLoader(new URLClassLoader(new URL[0], null));
    thread.start();
    assertThat(first.get(60, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void aRecordThatIsTooLargeIsRefusedBeforeItIsSent() {
    String control = "\u0001".repeat(120_000); // 6 bytes each in JSON
    Exec exec = exec(Command.of("echo", control).env("A", "\u0001".repeat(60_000)));
    assertThatThrownBy(
            () ->
                publisher(ClientOptions.defaults())
                    .publish(exec, Deadline.in(Duration.ofSeconds(1))))
        .isInstanceOf(InvalidRequestException.class)
        .hasMessageContaining("at most " + Topic.LARGE_BYTES);
    assertThat(producer.history()).isEmpty();
  }

  @Test
  void aRefusalOfTheBrokersEndsTheCallAndSilenceItsDeadline() {
    Publisher publisher = publisher(ClientOptions.defaults());
    assertThatThrownBy(
            () -> publisher.publish(exec(Command.of("true")), Deadline.in(Duration.ofMillis(20))))
        .isInstanceOf(NoAnswerException.class);
    producer.sendException = new TopicAuthorizationException("not allowed");
    assertThatThrownBy(
            () -> publisher.publish(exec(Command.of("true")), Deadline.in(Duration.ofSeconds(60))))
        .isInstanceOf(SandboxException.class)
        .hasMessageContaining("permissions");
    publisher.close();
    assertThatThrownBy(
            () -> publisher.publish(exec(Command.of("true")), Deadline.in(Duration.ofSeconds(60))))
        .isInstanceOf(ClientClosedException.class);
  }

  @Test
  void settingsOnWhichTheContractReliesCannotBeChanged() {
    KafkaSettings settings =
        new KafkaSettings(
            Map.of(
                "bootstrap.servers", "h:1",
                "partitioner.class", "x",
                "partitioner.ignore.keys", "true",
                "acks", "0",
                "group.id", "g",
                "sasl.mechanism", "PLAIN"));
    assertThat(settings.producerSettings())
        .doesNotContainKey("partitioner.class")
        .containsEntry("partitioner.ignore.keys", false)
        .containsEntry("acks", "all")
        .containsEntry("sasl.mechanism", "PLAIN");
    assertThat(settings.consumerSettings())
        .doesNotContainKey("group.id")
        .containsEntry("auto.offset.reset", "by_duration:PT1H");
    assertThatThrownBy(() -> new KafkaSettings(Map.of()))
        .isInstanceOf(InvalidRequestException.class);
  }

  @Test
  void afterHoursOfRestNoRequestWaitsForMetadata() {
    Map<String, String> given = Map.of("bootstrap.servers", "h:1");
    assertThat(new KafkaSettings(given).producerSettings())
        .containsEntry("metadata.max.idle.ms", Integer.MAX_VALUE);
  }

  // Keep-alives.

  private final AtomicLong time = new AtomicLong();

  /** Whether each report was published. */
  private final List<Boolean> reports = new ArrayList<>();

  private KeepAlives keepAlives(Publisher publisher) {
    ClientMetrics metrics =
        new ClientMetrics() {
          @Override
          public void activity(boolean isPublished) {
            reports.add(isPublished);
          }
        };
    return new KeepAlives(publisher, metrics, time::get);
  }

  @Test
  void reportsOfUseAreCoalesced() {
    KeepAlives keepAlives = keepAlives(publisher(ClientOptions.defaults()));
    keepAlives.report(user, "test");
    awaitPublished(1);
    producer.completeNext();
    for (int i = 0; i < 100; i++) {
      keepAlives.report(user, "test");
    }
    keepAlives.used(user, Duration.ofSeconds(300));
    time.addAndGet(Duration.ofSeconds(29).toNanos());
    keepAlives.report(user, "test");
    assertThat(reports.removeFirst()).isTrue();
    assertThat(reports).hasSize(101).containsOnly(false);
    time.addAndGet(Duration.ofSeconds(1).toNanos());
    keepAlives.report(user, "test");
    keepAlives.report(Samples.user(), "test");
    awaitPublished(3);
  }

  @Test
  void aReportThatFailedIsGivenAgain() {
    KeepAlives keepAlives = keepAlives(publisher(ClientOptions.defaults()));
    keepAlives.report(user, "test");
    awaitPublished(1);
    producer.errorNext(new RuntimeException("away"));
    keepAlives.report(user, "test");
    awaitPublished(2);
  }

  @Test
  void reportsDoNotWaitForTheBrokersAndDoNotPileUp() {
    CountDownLatch away = new CountDownLatch(1);
    KeepAlives keepAlives =
        keepAlives(
            new Publisher(
                () -> {
                  awaitBriefly(away);
                  return producer;
                },
                ClientOptions.defaults(),
                Samples.reach()));
    for (int i = 0; i < 3; i++) {
      keepAlives.report(user, "test");
      time.addAndGet(Duration.ofMinutes(1).toNanos());
    }
    assertThat(reports).containsExactly(true, false, false);
    away.countDown();
    awaitPublished(1);
    producer.completeNext();
    keepAlives.report(user, "test");
    awaitPublished(2);
  }

  private static void awaitBriefly(CountDownLatch latch) {
    try {
      assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void aReportThatNoWorkerWouldAcceptIsRefusedEachTime() {
    KeepAlives keepAlives = keepAlives(publisher(ClientOptions.defaults()));
    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(() -> keepAlives.report(user, "\u0000"))
          .isInstanceOf(InvalidRequestException.class);
    }
  }

  // Bounds.

  private static Deadline brief() {
    return Deadline.in(Duration.ofMillis(10));
  }

  private static Deadline late() {
    return Deadline.in(Duration.ofSeconds(60));
  }

  @Test
  void requestsWaitForTheirTurn() throws Exception {
    UserId other = Samples.user();
    Limits limits = new Limits(ClientOptions.defaults().withBounds(2, 16 << 20));
    Resources first = limits.enter(Request.COMMAND, user, 16 << 20, brief());
    assertThatThrownBy(() -> limits.enter(Request.COMMAND, other, 1, brief()))
        .isInstanceOf(ClientOverloadedException.class)
        .hasMessageContaining("maxBufferedBytes");
    Resources second = limits.enter(Request.ENSURE, other, 0, late());
    assertThatThrownBy(() -> limits.enter(Request.ENSURE, other, 0, brief()))
        .isInstanceOf(ClientOverloadedException.class)
        .hasMessageContaining("maxInFlight");
    first.close();
    limits.enter(Request.COMMAND, other, 16 << 20, late()).close();
    second.close();
    for (int i = 0; i < 5; i++) {
      limits.close();
      assertThat(limits.enter(Request.COMMAND, user, 16 << 20, brief())).isNotNull();
    }
  }

  @Test
  void aUserWhoseCommandsDoNotEndDelaysOnlyTheirOwn() throws Exception {
    Limits limits = new Limits(ClientOptions.defaults().withBounds(20, 128 << 20));
    Resources held = limits.enter(Request.COMMAND, user, 16 << 20, late());
    limits.enter(Request.COMMAND, user, 16 << 20, late());
    assertThatThrownBy(() -> limits.enter(Request.COMMAND, user, 1, brief()))
        .isInstanceOf(ClientOverloadedException.class)
        .hasMessageContaining("the user's commands");
    List<FutureTask<Resources>> waiting = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      waiting.add(waiting(limits));
    }
    limits.enter(Request.ENSURE, user, 0, brief()).close();
    for (int i = 0; i < 6; i++) {
      limits.enter(Request.COMMAND, Samples.user(), 16 << 20, brief());
    }
    held.close();
    for (FutureTask<Resources> each : waiting) {
      each.get(60, TimeUnit.SECONDS).close();
    }
  }

  /** A command of the user that waits for its turn. */
  private FutureTask<Resources> waiting(Limits limits) {
    FutureTask<Resources> waiting =
        new FutureTask<>(
            () -> limits.enter(Request.COMMAND, user, 1, Deadline.in(Duration.ofMinutes(10))));
    Thread thread = Thread.ofPlatform().daemon().start(waiting);
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> thread.getState() == Thread.State.TIMED_WAITING);
    return waiting;
  }

  /** Workers would refuse more, and the refused ones could be repeated only much later. */
  @Test
  void commandsBeyondWhatWorkersTakeWaitInTheClient() throws Exception {
    Limits limits = new Limits(ClientOptions.defaults());
    List<Resources> turns = new ArrayList<>();
    for (int i = 0; i < Limits.COMMANDS_OF_USER; i++) {
      turns.add(limits.enter(Request.COMMAND, user, 0, late()));
    }
    assertThatThrownBy(() -> limits.enter(Request.COMMAND, user, 0, brief()))
        .isInstanceOf(ClientOverloadedException.class)
        .hasMessageContaining("64 commands of the user")
        .hasMessageContaining("run fewer at a time");
    limits.enter(Request.COMMAND, Samples.user(), 0, brief());
    limits.enter(Request.ENSURE, user, 0, brief());
    FutureTask<Resources> waiting = waiting(limits);
    turns.removeLast().close();
    turns.add(waiting.get(60, TimeUnit.SECONDS));

    CountDownLatch ended = new CountDownLatch(Limits.WAITING_OF_USER);
    for (int i = 0; i < Limits.WAITING_OF_USER; i++) {
      Thread.startVirtualThread(
          () -> {
            try {
              limits.enter(Request.COMMAND, user, 0, late()).close();
              ended.countDown();
            } catch (InterruptedException e) {
              throw new AssertionError(e);
            }
          });
    }
    await()
        .atMost(Duration.ofSeconds(60))
        .untilAsserted(
            () ->
                assertThatThrownBy(() -> limits.enter(Request.COMMAND, user, 0, brief()))
                    .isInstanceOf(ClientOverloadedException.class)
                    .hasMessageContaining("1000 commands of the user wait in this client"));
    turns.getFirst().close();
    assertThat(ended.await(60, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void usersWithoutRequestsAreForgotten() throws Exception {
    Limits limits = new Limits(ClientOptions.defaults().withBounds(10, 16 << 20));
    Resources first = limits.enter(Request.COMMAND, user, 16 << 20, late());
    Resources second = limits.enter(Request.ENSURE, user, 0, late());
    assertThatThrownBy(() -> limits.enter(Request.COMMAND, user, 1, brief()))
        .isInstanceOf(ClientOverloadedException.class);
    limits.enter(Request.ENSURE, Samples.user(), 0, late()).close();
    first.close();
    assertThat(limits.users()).isEqualTo(1);
    second.close();
    assertThat(limits.users()).isZero();
  }

  @Test
  void closingTheClientEndsTheWaitForTheUsersOwnCommands() throws Exception {
    Limits limits = new Limits(ClientOptions.defaults());
    for (int i = 0; i < 4; i++) {
      limits.enter(Request.COMMAND, user, 16 << 20, late());
    }
    FutureTask<Resources> waiting = waiting(limits);
    limits.close();
    assertThat(waiting.get(60, TimeUnit.SECONDS)).isNotNull();
  }

  @Test
  void aTenantTakesNoMoreThanItLeaves() throws Exception {
    Limits all = new Limits(ClientOptions.defaults().withBounds(8, 128 << 20));
    Limits one = all.of("one");
    List<Resources> taken = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      taken.add(one.enter(Request.COMMAND, Samples.user(), 1, late()));
    }
    assertRefused(one, 0);
    for (Limits other : List.of(all.of("two"), all.of("two"), all.of("three"))) {
      other.enter(Request.COMMAND, Samples.user(), 16 << 20, late());
    }
    assertRefused(all.of("two"), 0);
    FutureTask<Resources> waiting = waiting(one);
    taken.removeLast().close();
    taken.removeLast().close();
    taken.add(waiting.get(60, TimeUnit.SECONDS));
    taken.forEach(Resources::close);
    Resources large = one.enter(Request.COMMAND, Samples.user(), 32 << 20, late());
    assertRefused(one, 32 << 20);
    large.close();
    one.enter(Request.COMMAND, Samples.user(), 32 << 20, late()).close();
  }

  /** Patience is long here, so that nothing but what is given back ends a wait. */
  @Test
  void aTenantThatWaitsIsWokenByWhateverIsGivenBack() throws Exception {
    int mebibyte = 1 << 20;
    Limits all =
        new Limits(ClientOptions.defaults().withBounds(8, 32L * mebibyte), Duration.ofMinutes(10));
    assertThat(all.take(16 * mebibyte)).isTrue();
    Resources large = all.enter(Request.COMMAND, Samples.user(), 16 * mebibyte, late());
    FutureTask<Resources> waiting = waiting(all.of("one"));
    all.give(16 * mebibyte);
    waiting.get(60, TimeUnit.SECONDS).close();

    Resources other = all.enter(Request.COMMAND, Samples.user(), 16 * mebibyte, late());
    FutureTask<Resources> next = waiting(all.of("one"));
    large.close();
    next.get(60, TimeUnit.SECONDS).close();

    Resources rest = all.enter(Request.COMMAND, Samples.user(), 16 * mebibyte, late());
    FutureTask<Resources> last = waiting(all.of("one"));
    all.close();
    last.get(60, TimeUnit.SECONDS).close();
    List.of(other, rest).forEach(Resources::close);
  }

  private static void assertRefused(Limits limits, int bytes) {
    assertThatThrownBy(() -> limits.enter(Request.COMMAND, Samples.user(), bytes, brief()))
        .isInstanceOf(ClientOverloadedException.class)
        .hasMessageContaining("the tenant's commands");
  }

  @Test
  void lookupsOfATenantDelayOnlyItsOwn() throws Exception {
    LogLookups all =
        new LogLookups(WaitingConsumer::new, new Reach(List.of("127.0.0.1:9092")), () -> false);
    CountDownLatch ends = new CountDownLatch(1);
    List<FutureTask<Boolean>> ofOne = new ArrayList<>();
    for (int i = 0; i < 12; i++) {
      FutureTask<Boolean> look =
          new FutureTask<>(() -> all.of("one").look("look", late(), log -> held(ends)));
      Thread thread = Thread.ofPlatform().daemon().start(look);
      await()
          .atMost(Duration.ofSeconds(60))
          .until(() -> thread.getState() == Thread.State.TIMED_WAITING);
      ofOne.add(look);
    }
    String found = all.of("two").look("look", late(), log -> "found");
    assertThat(found).isEqualTo("found");
    assertThatThrownBy(() -> all.of("one").look("look", brief(), log -> "found"))
        .isInstanceOf(ClientOverloadedException.class);
    ends.countDown();
    for (FutureTask<Boolean> look : ofOne) {
      assertThat(look.get(60, TimeUnit.SECONDS)).isTrue();
    }
  }

  private static boolean held(CountDownLatch ends) throws InterruptedException {
    return ends.await(60, TimeUnit.SECONDS);
  }

  @Test
  void attemptsComeAtGrowingIntervals() {
    Backoff backoff = new Backoff(new Random(1));
    assertThat(backoff.next()).isBetween(Duration.ofMillis(100), Duration.ofMillis(200));
    for (int i = 0; i < 10; i++) {
      backoff.next();
    }
    assertThat(backoff.next()).isBetween(Duration.ofMillis(2_500), Duration.ofMillis(5_000));
  }

  // Commands and files.

  @Test
  void aCommandIsNotChangedByWhatIsMadeOfIt() {
    Command plain = Command.of("cat");
    Command other = plain.env("A", "b").stdin("text").timeout(Duration.ofMillis(1)).maxOutput(5);
    assertThat(exec(plain).environment()).isEmpty();
    assertThat(exec(plain).timeout()).isNull();
    assertThat(exec(other).environment()).containsEntry("A", "b");
    assertThat(exec(other).timeout()).hasSeconds(1);
    assertThat(exec(other).maxOutputBytes()).isEqualTo(5);
    assertThat(exec(other).stream()).isFalse();
    assertThat(exec(other.maxOutput(1 << 20)).stream()).isTrue();
    assertThat(other.isRepeatable()).isTrue();
    assertThat(other.stdin(new byte[300_000]).isRepeatable()).isFalse();
    assertThatThrownBy(() -> plain.maxOutput(-1)).isInstanceOf(InvalidRequestException.class);
    assertThatThrownBy(() -> plain.timeout(Duration.ZERO))
        .isInstanceOf(InvalidRequestException.class);
  }

  @Test
  void noMoreOfAFileIsReadIntoMemoryThanItsBound() throws Exception {
    int bound = 2 * SandboxFiles.PIECE;
    assertThat(SandboxFiles.content("p", file(bound), bound)).hasSize(bound);
    assertThat(SandboxFiles.content("p", file(0), 0)).isEmpty();
    for (long size : new long[] {bound + 1, Long.MAX_VALUE}) {
      assertThatThrownBy(() -> SandboxFiles.content("a\nb", file(size), bound))
          .isInstanceOf(SandboxFileException.class)
          .hasMessageContaining("could not read 'a?b': it is longer than " + bound + " bytes")
          .hasMessageContaining("SandboxFiles.read");
    }
  }

  /** A file of the given size, which returns its bytes in pieces. */
  private static InputStream file(long size) {
    return new SandboxFileStream(from -> new byte[(int) Math.min(SandboxFiles.PIECE, size - from)]);
  }

  @Test
  void aListThatMakesNoSenseIsRefused() {
    assertThat(Listing.parse("p", new byte[0])).isEmpty();
    assertThat(Listing.parse("p", bytes("f\0" + "12\0" + "1.5\0" + "a\nb\0")))
        .containsExactly(
            new FileEntry("a\nb", FileEntry.Kind.FILE, 12, Instant.ofEpochMilli(1500), true));
    for (String hostile :
        new String[] {
          "f\0",
          "f\0" + "1\0" + "1\0" + "a",
          "f\0x\0" + "1\0a\0",
          "f\0" + "18446744073709551615\0" + "1\0a\0",
          "f\0" + "-1\0" + "1\0a\0",
          "f\0" + "1\0" + "1e999999999\0a\0",
          "f\0" + "1\0" + "1\0../x\0",
          "f\0" + "1\0" + "1\0\0",
          "d\0" + "1\0" + "1\0.\0",
          "d\0" + "1\0" + "1\0..\0",
          "d\0" + "1\0" + "9".repeat(30) + "\0a\0"
        }) {
      assertThatThrownBy(() -> Listing.parse("p", bytes(hostile)))
          .as(hostile)
          .isInstanceOf(SandboxFileException.class);
    }
  }

  @Test
  void noMoreEntriesOfADirectoryAreListedThanTheBound() {
    String most = "f\0001\0001\000a\000".repeat(Listing.MOST_ENTRIES);
    assertThat(Listing.parse("p", bytes(most))).hasSize(Listing.MOST_ENTRIES);
    assertThatThrownBy(() -> Listing.parse("p", bytes(most + "f\000")))
        .isInstanceOf(SandboxFileException.class)
        .hasMessageContaining("at most 100000");
  }

  /** A sandbox would otherwise take half a gigabyte of the service's heap with NULs alone. */
  @Test
  void aListThatMakesNoSenseCostsLittle() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    byte[] nothing = new byte[Command.MAX_OUTPUT];
    long before = threads.getCurrentThreadAllocatedBytes();
    assertThatThrownBy(() -> Listing.parse("p", nothing)).isInstanceOf(SandboxFileException.class);
    assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(Command.MAX_OUTPUT);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void metricsAreInMicrometerIfItIsThere() {
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    ClientMetrics metrics = MicrometerMetrics.on(registry);
    metrics.ended(Request.ENSURE, "created", Duration.ofSeconds(2));
    metrics.read(ClientMetrics.RecordUse.FOREIGN);
    metrics.inFlight(3);
    assertThat(registry.get("zcbot.client.requests").tag("outcome", "created").timer().count())
        .isEqualTo(1);
    assertThat(registry.get("zcbot.client.records").tag("use", "foreign").counter().count())
        .isEqualTo(1);
    assertThat(registry.get("zcbot.client.in.flight").gauge().value()).isEqualTo(3);
    assertThat(MicrometerMetrics.ifThere()).isInstanceOf(MicrometerMetrics.class);
  }

  @Test
  void theRequestsInFlightAreThoseOfAllClientsOfARegistry() {
    SimpleMeterRegistry registry = new SimpleMeterRegistry();
    MicrometerMetrics.on(registry).inFlight(3);
    ClientMetrics next = MicrometerMetrics.on(registry);
    System.gc();
    next.inFlight(1);
    assertThat(registry.get("zcbot.client.in.flight").gauge().value()).isEqualTo(4);
  }
}
