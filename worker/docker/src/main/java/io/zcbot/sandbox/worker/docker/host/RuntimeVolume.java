/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.host;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.command.InspectVolumeResponse;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.Mount;
import com.github.dockerjava.api.model.MountType;
import com.github.dockerjava.api.model.VolumeOptions;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.docker.api.SharedAttempts;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The engine's volume with the programs by which sandboxes of any image start: runner, init,
 * entrance, and a static shell for scripts. The engine fills it from an image that was built from
 * {@code sandbox-image}, so the worker needs no access to the engine's files. Its name is the
 * digest of its content, which is compared with that image's at the first use and after a failed
 * start. Thread-safe; calls block.
 */
public final class RuntimeVolume {
  /** Where the programs are in each sandbox: in our image, or mounted. */
  public static final String DIRECTORY = "/usr/local/lib/zcbot";

  /** The runner there. */
  public static final String RUNNER = DIRECTORY + "/zcbot-runner";

  /** How init is started from the volume: nothing of the image runs before the runner. */
  public static final List<String> INIT =
      List.of(DIRECTORY + "/bin/bash", "-p", DIRECTORY + "/zcbot-init");

  private static final Logger log = LoggerFactory.getLogger(RuntimeVolume.class);

  /** Where our image has the content of the volume. */
  private static final String SOURCE = "/usr/local/share/zcbot/runtime";

  private static final String PREFIX = "zcbot-runtime-";

  /** Attempts to fill the volume while another worker may be filling it. */
  private static final int MOST_TRIES = 10;

  private static final int MOST_FILES = 1000;
  private static final long MOST_BYTES = 64L << 20;

  private final EngineCalls calls;
  private final String image;
  private final SharedAttempts attempts = new SharedAttempts(Operation.CREATE);
  private volatile @Nullable String verified;

  /**
   * Creates what keeps the volume of an engine. Asks nothing yet.
   *
   * @param image an image that was built from {@code sandbox-image}, which is not pulled
   */
  public RuntimeVolume(EngineCalls calls, String image) {
    this.calls = calls;
    this.image = image;
  }

  /** The image from which it is filled. */
  public String image() {
    return image;
  }

  /** Returns the mount of the volume, which is created and verified first if that is needed. */
  public Mount mount() throws EngineException {
    String name = verified;
    if (name == null) {
      attempts.run(() -> verified = ensured());
      name = verified;
    }
    if (name == null) { // somebody doubts already
      throw failure(Kind.TRANSIENT, "the volume of the runner is verified again", "");
    }
    return of(name, DIRECTORY, true);
  }

  /** Has the volume verified again before the next use: a start failed, or it was removed. */
  public void doubt() {
    verified = null;
  }

  private static Mount of(String name, String target, boolean sandbox) {
    return new Mount()
        .withType(MountType.VOLUME)
        .withSource(name)
        .withTarget(target)
        .withReadOnly(sandbox)
        // otherwise the engine would copy what a user's image has there into an empty volume
        .withVolumeOptions(new VolumeOptions().withNoCopy(sandbox));
  }

  private String ensured() throws EngineException {
    if (SandboxGround.Image.read(calls, image) == null) {
      throw failure(
          Kind.IMAGE_MISSING,
          "the engine has no image " + image + ", from which sandboxes of other images start",
          "build it (docker build -t "
              + image
              + " sandbox-image), or name one that was built from there in ZCBOT_RUNTIME_IMAGE");
    }
    String digest = content(null);
    String name = PREFIX + digest;
    for (int i = 0; i < MOST_TRIES; i++) {
      create(name);
      if (content(name).equals(digest)) {
        removeOthers(name);
        return name;
      }
      // Filling it was interrupted, another worker is filling it, or somebody changed it.
      remove(name);
    }
    throw failure(
        Kind.REJECTED,
        "the volume " + name + " has not the content of " + SOURCE + " in " + image,
        "somebody changed it: remove the containers that use it, and then it (docker volume rm)");
  }

  private void create(String name) throws EngineException {
    calls.call(
        Operation.CREATE,
        engine ->
            engine
                .docker()
                .createVolumeCmd()
                .withName(name)
                .withLabels(Map.of(SandboxLabels.PRODUCT, SandboxLabels.PRODUCT_RUNTIME))
                .exec());
  }

  /**
   * Returns the digest of the image's directory, or of the volume, by a container that is never
   * started. The engine fills an empty volume when it creates such a container.
   */
  private String content(@Nullable String volume) throws EngineException {
    String container = calls.call(Operation.CREATE, engine -> holder(engine.docker(), volume));
    try {
      return calls.call(
          Operation.EXPORT,
          engine -> {
            try (InputStream archive = engine.requests().archive(container, SOURCE)) {
              return digest(archive);
            }
          });
    } catch (EngineException e) {
      if (e.kind() != Kind.ABSENT) {
        throw e;
      }
      throw EngineErrors.exception(
          Kind.REJECTED,
          Operation.EXPORT,
          image + " has no " + SOURCE + ", from which sandboxes of other images start",
          "build it from the sandbox-image of this version, or name another in"
              + " ZCBOT_RUNTIME_IMAGE",
          e);
    } finally {
      calls.call(
          Operation.REMOVE,
          engine -> engine.docker().removeContainerCmd(container).withForce(true).exec());
    }
  }

  private String holder(DockerClient docker, @Nullable String volume) throws IOException {
    HostConfig config = HostConfig.newHostConfig().withNetworkMode("none");
    if (volume != null) {
      config.withMounts(List.of(of(volume, SOURCE, false)));
    }
    try (CreateContainerCmd command = docker.createContainerCmd(image)) {
      String id =
          command
              .withLabels(Map.of(SandboxLabels.PRODUCT, SandboxLabels.PRODUCT_PROBE))
              .withEntrypoint("/never-started")
              .withHostConfig(config)
              .exec()
              .getId();
      if (id == null) {
        throw new IOException("the engine created a container but returned no id");
      }
      return id;
    }
  }

  /**
   * Returns the digest of the files of an archive: names, kinds, modes, owners and content.
   *
   * @throws IOException if it can't be read, or is larger than such an archive can be
   */
  static String digest(InputStream archive) throws IOException {
    Map<String, String> files = new TreeMap<>();
    long bytes = 0;
    try (TarArchiveInputStream tar = new TarArchiveInputStream(archive)) {
      for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
        bytes += entry.getSize();
        if (files.size() == MOST_FILES || bytes > MOST_BYTES) {
          throw new IOException("there are more files than the runner has");
        }
        MessageDigest content = sha256();
        tar.transferTo(new DigestOutputStream(OutputStream.nullOutputStream(), content));
        files.put(
            entry.getName(),
            "%s %o %d:%d %s %s"
                .formatted(
                    entry.isDirectory() ? "d" : entry.isSymbolicLink() ? "l" : "f",
                    entry.getMode() & 07777,
                    entry.getLongUserId(),
                    entry.getLongGroupId(),
                    entry.getLinkName(),
                    HexFormat.of().formatHex(content.digest())));
      }
    }
    if (files.isEmpty()) {
      throw new IOException("the engine returned an empty archive");
    }
    return HexFormat.of()
        .formatHex(sha256().digest(files.toString().getBytes(StandardCharsets.UTF_8)));
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
  }

  /** Removes the volumes of other versions that no container uses. */
  private void removeOthers(String name) {
    List<InspectVolumeResponse> all;
    try {
      all =
          calls.call(
              Operation.LIST,
              engine ->
                  engine
                      .docker()
                      .listVolumesCmd()
                      .withFilter(
                          "label",
                          List.of(SandboxLabels.PRODUCT + "=" + SandboxLabels.PRODUCT_RUNTIME))
                      .exec()
                      .getVolumes());
    } catch (EngineException e) {
      log.warn("Could not look for volumes of other versions: {}", e.getMessage());
      return;
    }
    if (all != null) {
      all.stream()
          .map(InspectVolumeResponse::getName)
          .filter(n -> !n.equals(name))
          .forEach(this::remove);
    }
  }

  /** The engine refuses that as long as a container has the volume. */
  private void remove(String name) {
    try {
      calls.call(Operation.REMOVE, engine -> engine.docker().removeVolumeCmd(name).exec());
    } catch (EngineException e) {
      log.debug("Could not remove the volume {}: {}", name, e.getMessage());
    }
  }

  private static EngineException failure(Kind kind, String what, String fix) {
    return EngineErrors.exception(kind, Operation.CREATE, what, fix, null);
  }
}
