/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.host;

import com.github.dockerjava.api.command.InspectImageResponse;
import com.github.dockerjava.api.command.RootFS;
import com.github.dockerjava.api.model.ContainerConfig;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The state of what a spec needs on an engine.
 *
 * @param image null if the engine does not have it
 * @param helper what the host's rules need; null if the spec has none
 * @param network null if the engine does not have it
 * @param runtime what an image needs that was not built from {@code sandbox-image}; null if it was
 */
public record SandboxGround(
    @Nullable Image image,
    @Nullable Helper helper,
    @Nullable Network network,
    @Nullable Helper runtime) {
  /** Of an image that was built from {@code sandbox-image}. */
  public SandboxGround(@Nullable Image image, @Nullable Helper helper, @Nullable Network network) {
    this(image, helper, network, null);
  }

  /**
   * An image that is needed beside the sandboxes' own.
   *
   * @param image null if the engine does not have it
   */
  public record Helper(String name, @Nullable Image image) {}

  /**
   * An image on the engine.
   *
   * @param isSandbox whether it starts the init of {@code sandbox-image}
   * @param hasRunner whether it has a runner and can run commands
   * @param fromRegistry whether the engine knows a registry's digest for it
   * @param layers digests of its layers
   * @param volumes directories for which the engine makes a volume in each container
   * @param reserved its labels that only a worker may set
   */
  public record Image(
      String id,
      boolean isSandbox,
      boolean hasRunner,
      boolean fromRegistry,
      List<String> layers,
      List<String> volumes,
      List<String> reserved) {
    /** Entry point of the image built from {@code sandbox-image}. */
    private static final String INIT = "/usr/local/sbin/zcbot-init";

    public Image {
      layers = List.copyOf(layers);
      volumes = List.copyOf(volumes);
      reserved = List.copyOf(reserved);
    }

    /** Whether it was not built from {@code sandbox-image}, nor FROM an image that was. */
    public boolean isForeign() {
      return !isSandbox && !hasRunner;
    }

    /** Returns why no sandbox can be made of a foreign image with a policy; null if one can. */
    public @Nullable String unfit(NetworkPolicy policy) {
      if (!volumes.isEmpty()) {
        return "it declares volumes (" + String.join(", ", volumes) + "), which no limit bounds";
      }
      if (!reserved.isEmpty()) {
        return "it has labels that only a worker may set (" + String.join(", ", reserved) + ")";
      }
      return policy.rulesInSandbox()
          ? "it was not built from sandbox-image, which has what ZCBOT_SANDBOX_FIREWALL=container"
              + " and both need"
          : null;
    }

    /** Asks the engine, which pulls nothing; null if it does not have the image. */
    public static @Nullable Image read(EngineCalls calls, String name) throws EngineException {
      try {
        return calls.call(
            Operation.IMAGE_INSPECT, engine -> of(engine.docker().inspectImageCmd(name).exec()));
      } catch (EngineException e) {
        if (e.kind() == Kind.ABSENT || e.kind() == Kind.IMAGE_MISSING) {
          return null;
        }
        throw e;
      }
    }

    private static Image of(InspectImageResponse image) {
      ContainerConfig config = image.getConfig();
      String[] entrypoint = config == null ? null : config.getEntrypoint();
      Map<String, String> labels = config == null ? null : config.getLabels();
      Map<String, ?> volumes = config == null ? null : config.getVolumes();
      return new Image(
          String.valueOf(image.getId()),
          entrypoint != null && List.of(entrypoint).equals(List.of(INIT)),
          labels != null && labels.containsKey(SandboxLabels.RUNNER),
          image.getRepoDigests() != null && !image.getRepoDigests().isEmpty(),
          layers(image.getRootFS()),
          volumes == null ? List.of() : volumes.keySet().stream().sorted().toList(),
          labels == null
              ? List.of()
              : labels.keySet().stream().filter(SandboxLabels::isReserved).sorted().toList());
    }

    private static List<String> layers(@Nullable RootFS root) {
      List<String> layers = root == null ? null : root.getLayers();
      return layers == null ? List.of() : layers;
    }
  }

  /**
   * A network on the engine.
   *
   * @param isolates whether containers on it can't reach one another
   */
  public record Network(String driver, boolean isolates) {}
}
