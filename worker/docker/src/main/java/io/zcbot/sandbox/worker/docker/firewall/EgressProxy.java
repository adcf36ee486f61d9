/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.Container;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.LogConfig;
import com.github.dockerjava.api.model.RestartPolicy;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.EngineStream;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.docker.api.StandardOutput;
import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.docker.host.SandboxGround;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The container through which the sandboxes of a network reach names. It outlives the worker, as
 * the host's rules do, so that connections survive a restart: the next worker takes it over if it
 * is what that one would start. While none runs, the rules let nothing pass.
 *
 * <p>Thread-safe. The lock is held while a container is started.
 */
final class EgressProxy implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(EgressProxy.class);
  private static final String PROGRAM = "/usr/local/sbin/zcbot-egress";
  private static final String READY = "zcbot-sandbox ready";
  private static final String FAILED = "zcbot-sandbox failed ";

  /** The user of the image, whom the host's rules know (sandbox-image/firewall.sh). */
  private static final String USER = "61080:61080";

  private static final int MAX_LINE = 600;

  /** Refusals that wait for the engine to tell whose they are; the proxy tells 100 a second. */
  private static final int MOST_WAITING = 1000;

  private static final long MEMORY = 1L << 30;

  /** One that ends sooner is not started again at once, but at the next check. */
  private static final Duration LASTING = Duration.ofSeconds(10);

  private final EngineCalls calls;
  private final FirewallHelper helper;
  private final String image;
  private final Map<String, String> labels;
  private final Duration patience;
  private final Consumer<String> refusals;
  private final Runnable ended;
  private final ReentrantLock lock = new ReentrantLock();
  private volatile @Nullable Session running;

  /** Held while policies are told, so that a new container is told all of them. */
  private final ReentrantLock changes = new ReentrantLock();

  /** By address, of which a network has at most 65,534. An entry stays until its next sandbox. */
  private final Map<String, EgressPolicy> policies = new HashMap<>();

  /**
   * Creates it without starting a container.
   *
   * @param patience maximum time between a container's start and its ready line
   * @param refusals takes each line about a refusal, on a thread of its own, which it may block
   * @param ended called when a container that served has ended
   */
  EgressProxy(
      EngineCalls calls,
      FirewallHelper helper,
      String image,
      String workerId,
      String network,
      Duration patience,
      Consumer<String> refusals,
      Runnable ended) {
    this.calls = calls;
    this.helper = helper;
    this.image = image;
    this.labels =
        Map.of(
            SandboxLabels.PRODUCT,
            SandboxLabels.PRODUCT_EGRESS,
            SandboxLabels.WORKER,
            workerId,
            SandboxLabels.NETWORK,
            network);
    this.patience = patience;
    this.refusals = refusals;
    this.ended = ended;
  }

  /**
   * Returns when a container with these settings serves; starts one if needed.
   *
   * @throws EngineException if none does; of kind IMAGE_MISSING if the engine lacks the image
   */
  void ensure(List<String> environment, EngineFacts facts) throws EngineException {
    lock.lock();
    try {
      SandboxGround.Image made = SandboxGround.Image.read(calls, image);
      if (made == null) {
        throw EngineErrors.exception(
            Kind.IMAGE_MISSING,
            Operation.FIREWALL,
            "the engine does not have the image " + image,
            "",
            null);
      }
      String settings = SandboxSpec.digest(made.id(), String.join("\n", environment));
      Session known = running;
      if (known == null || !known.serves(settings)) {
        discard();
        Session begun = adopt(settings);
        serve(begun == null ? start(settings, environment, facts) : begun);
      }
    } finally {
      lock.unlock();
    }
  }

  /** Tells a container the policies, without which no address reaches anything. */
  private void serve(Session begun) throws EngineException {
    changes.lock();
    try {
      begun.policies.set(policies);
      running = begun;
    } catch (EngineException e) {
      begun.close();
      throw e;
    } finally {
      changes.unlock();
    }
  }

  /** Looks up a sandbox's address; empty if it has ended. */
  interface Address {
    String of() throws EngineException;
  }

  /**
   * Sets what a sandbox reaches; returns when that is in force. Its address is looked up with the
   * lock held, so that a policy is never set late, for the next sandbox that has the address.
   *
   * @throws EngineException of kind UNPROTECTED if it is not known to be
   */
  void let(Address of, EgressPolicy policy) throws EngineException {
    changes.lock();
    try {
      String address = of.of();
      if (address.isEmpty()) {
        return;
      }
      Session serving = running;
      if (serving == null) {
        throw EngineErrors.exception(
            Kind.UNPROTECTED, Operation.FIREWALL, "the proxy for names does not serve", "", null);
      }
      serving.policies.set(address, policy, policies.get(address));
      policies.put(address, policy);
    } finally {
      changes.unlock();
    }
  }

  /** Removes the containers of this network, for a policy without names. */
  void remove() throws EngineException {
    lock.lock();
    try {
      discard();
      list().forEach(container -> helper.removeQuietly(container.getId()));
    } finally {
      lock.unlock();
    }
  }

  /** Whether a container with the last settings serves. Does not block. */
  boolean serves() {
    Session known = running;
    return known != null && known.serves(known.settings);
  }

  /** Reads no more refusals. The container runs on. */
  @Override
  public void close() {
    lock.lock();
    try {
      discard();
    } finally {
      lock.unlock();
    }
  }

  private void discard() {
    Session known = running;
    running = null;
    if (known != null) {
      known.close();
    }
  }

  private List<Container> list() throws EngineException {
    return calls.call(
        Operation.LIST,
        engine ->
            engine.docker().listContainersCmd().withShowAll(true).withLabelFilter(labels).exec());
  }

  /** Takes over a container of the previous run and removes all others; null if none fits. */
  private @Nullable Session adopt(String settings) throws EngineException {
    Session adopted = null;
    for (Container container : list()) {
      if (adopted == null
          && "running".equals(container.getState())
          && settings.equals(container.getLabels().get(SandboxLabels.SETTINGS))) {
        adopted = new Session(container.getId(), settings);
        adopted.first.complete(READY);
      } else {
        helper.removeQuietly(container.getId());
      }
    }
    return adopted;
  }

  private Session start(String settings, List<String> environment, EngineFacts facts)
      throws EngineException {
    String id =
        calls.call(
            Operation.CREATE,
            engine ->
                Objects.requireNonNull(
                    command(engine.docker().createContainerCmd(image), settings, environment, facts)
                        .exec()
                        .getId()));
    Session session = null;
    try {
      session = new Session(id, settings);
      calls.call(Operation.START, engine -> engine.docker().startContainerCmd(id).exec());
      session.awaitReady();
      return session;
    } catch (EngineException e) {
      if (session != null) {
        session.close();
      }
      helper.removeQuietly(id);
      throw e;
    }
  }

  private CreateContainerCmd command(
      CreateContainerCmd command, String settings, List<String> environment, EngineFacts facts) {
    HostConfig config =
        HostConfig.newHostConfig()
            .withNetworkMode("host")
            .withReadonlyRootfs(true)
            .withTmpFs(Map.of("/run/zcbot", "rw,noexec,nosuid,nodev,size=4m,mode=0777"))
            .withPrivileged(false)
            .withCapDrop(Capability.ALL)
            .withSecurityOpts(List.of("no-new-privileges:true"))
            .withIpcMode("private")
            .withCgroupnsMode("private")
            .withPidsLimit(64L)
            .withMemory(MEMORY)
            .withMemorySwap(MEMORY)
            .withRestartPolicy(RestartPolicy.noRestart())
            .withAutoRemove(true)
            .withLogConfig(new LogConfig(LogConfig.LoggingType.NONE, Map.of()));
    if (facts.defaultHasOwnNetworkStack()) {
      config.withRuntime("runc"); // connections are redirected in the host kernel's network stack
    }
    if (facts.remapsUsers()) {
      config.withUsernsMode("host"); // the rules know the user
    }
    Map<String, String> all = new HashMap<>(labels);
    all.put(SandboxLabels.SETTINGS, settings);
    return command
        .withLabels(all)
        .withEntrypoint(PROGRAM)
        .withCmd()
        .withUser(USER)
        .withWorkingDir("/")
        .withEnv(environment)
        .withAttachStdin(false)
        // standard input stays open, so that each worker in turn can attach
        .withStdinOpen(true)
        .withStdInOnce(false)
        .withAttachStdout(true)
        .withAttachStderr(true)
        .withHostConfig(config);
  }

  private EngineException failure(String problem) {
    return EngineErrors.exception(
        Kind.FIREWALL,
        Operation.FIREWALL,
        "the proxy for names does not serve: " + EngineErrors.clean(problem),
        "build the image from sandbox-image/egress.Dockerfile of this worker's version",
        null);
  }

  /** A container whose output is read. */
  private final class Session implements AutoCloseable {
    final String settings;
    final CompletableFuture<String> first = new CompletableFuture<>();
    private final long since = System.nanoTime();
    private final EgressPolicies policies = new EgressPolicies();
    private final BlockingQueue<String> refused = new ArrayBlockingQueue<>(MOST_WAITING);
    private final EngineStream<Boolean> stream;
    private volatile boolean discarded;

    Session(String id, String settings) throws EngineException {
      this.settings = settings;
      this.stream =
          EngineStream.open(
              calls, Operation.ATTACH, requests -> requests.attach(id, policies.input), this::read);
      Threads.start("egress-refusals", this::tellRefusals);
    }

    boolean serves(String wanted) {
      return settings.equals(wanted) && !stream.outcome().isDone();
    }

    void awaitReady() throws EngineException {
      String said;
      try {
        said = first.get(patience.toNanos(), TimeUnit.NANOSECONDS);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw EngineErrors.unanswered(
            Operation.FIREWALL, "interrupted while waiting for the proxy for names", e);
      } catch (TimeoutException _) {
        said = "it did not report within " + EngineCalls.seconds(patience);
      } catch (ExecutionException e) {
        throw new IllegalStateException(e); // it is never completed so
      }
      if (!said.startsWith(READY)) {
        throw failure(said.startsWith(FAILED) ? said.substring(FAILED.length()) : said);
      }
    }

    private boolean read(InputStream body) throws IOException {
      try (InputStream output = new BufferedInputStream(new StandardOutput(body))) {
        StringBuilder line = new StringBuilder();
        for (int c = output.read(); c >= 0; c = output.read()) {
          if (c != '\n') {
            // longer ones are cut
            if (line.length() < MAX_LINE) {
              line.append((char) c);
            }
            continue;
          }
          take(line.toString());
          line.setLength(0);
        }
        return true;
      } finally {
        policies.close();
        boolean served = READY.equals(first.getNow("")) || first.getNow("").startsWith(READY);
        first.complete("it ended without a result");
        if (served && !discarded) {
          ended(Duration.ofNanos(System.nanoTime() - since));
        }
      }
    }

    private void take(String line) {
      if (!first.complete(line) && !policies.take(line) && !refused.offer(line)) {
        refusals.accept("suppressed 1");
      }
    }

    /** On a thread of its own, since it may ask the engine, for which no policy can wait. */
    private void tellRefusals() {
      try {
        while (!stream.outcome().isDone()) {
          String line = refused.poll(1, TimeUnit.SECONDS);
          if (line != null) {
            refusals.accept(line);
          }
        }
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt(); // nobody interrupts it
      }
    }

    private void ended(Duration lasted) {
      log.warn(
          "The proxy for names has ended after {} s; until another one serves, sandboxes reach no"
              + " names",
          lasted.toSeconds());
      if (lasted.compareTo(LASTING) >= 0) {
        ended.run();
      }
    }

    @Override
    public void close() {
      discarded = true;
      stream.close();
    }
  }
}
