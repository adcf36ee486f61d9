/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.model.HostConfig;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.doctor.Finding;
import io.zcbot.sandbox.worker.doctor.ImageChecks;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.SandboxImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Containers whose images share a layer execute the same pages of memory. So the images that guard
 * sandboxes must share no layer with the sandboxes' image.
 */
@Tag("engine")
@Tag("compose")
class ImagesIT {
  /** The base of the worker's image. */
  private static final String WORKER_BASE = "zcbot-worker-base:latest";

  private static final List<String> PROGRAMS =
      List.of(
          "usr/bin/bash",
          "bin/bash",
          "usr/lib/x86_64-linux-gnu/libc.so.6",
          "lib/x86_64-linux-gnu/libc.so.6");

  @TempDir Path directory;
  private EngineFixture fixture;

  @BeforeEach
  void setUp() {
    fixture = new EngineFixture(directory, Duration.ofSeconds(60));
  }

  @AfterEach
  void tearDown() throws Exception {
    fixture.close();
  }

  private List<String> layers(String image) {
    return Objects.requireNonNull(
        Objects.requireNonNull(fixture.docker.inspectImageCmd(image).exec().getRootFS())
            .getLayers());
  }

  /** The inode numbers of the files on the host's disk that contain these programs. */
  private Set<String> files(String image) throws Exception {
    DockerClient docker = fixture.docker;
    String id =
        docker
            .createContainerCmd(image)
            .withLabels(Map.of("zcbot.worker", fixture.worker))
            .withEntrypoint("bash", "-c", "read")
            .withStdinOpen(true)
            .withHostConfig(HostConfig.newHostConfig().withNetworkMode("none"))
            .exec()
            .getId();
    fixture.startContainer(id);
    long pid =
        Objects.requireNonNull(docker.inspectContainerCmd(id).exec().getState().getPidLong());
    Set<String> files = new HashSet<>();
    try (Stream<Path> inside =
        PROGRAMS.stream().map(program -> Path.of("/proc/" + pid + "/root", program))) {
      for (Path file : inside.filter(Files::exists).toList()) {
        files.add(Commands.run("stat", "-L", "-c", "%i", file.toString()).strip());
      }
    }
    assertThat(files).as(image).hasSize(2);
    return files;
  }

  @Row(54)
  @Test
  void whatASandboxExecutesNeitherTheFirewallNorTheWorkerDoes() throws Exception {
    List<String> all = new ArrayList<>();
    Set<String> sandbox = files(SandboxImage.NAME);
    for (String other : List.of(DockerEngineSettings.FIREWALL_IMAGE, WORKER_BASE)) {
      assertThat(layers(other)).as(other).doesNotContainAnyElementsOf(layers(SandboxImage.NAME));
      assertThat(files(other)).as(other).doesNotContainAnyElementsOf(sandbox);
      all.addAll(layers(other));
    }
    assertThat(all).doesNotHaveDuplicates();

    String shared = fixture.image(directory, "RUN true");
    assertThat(files(shared)).as("an image that shares layers").isEqualTo(sandbox);
  }

  @Row(64)
  @Test
  void theFirewallsImageIsNotPulledByATag() {
    try (DockerEngine engine =
        DockerEngine.at(
            null,
            fixture.worker,
            new DockerEngineSettings(
                Duration.ofSeconds(30),
                Duration.ofSeconds(15),
                Duration.ofSeconds(30),
                Duration.ofSeconds(30),
                4,
                "registry.invalid/firewall:latest",
                DockerEngineSettings.EGRESS_IMAGE,
                DockerEngineSettings.RUNTIME_IMAGE),
            SandboxMetrics.NONE)) {
      EngineException e =
          catchThrowableOfType(
              EngineException.class, () -> engine.sandboxes(fixture.spec()).prepare());

      assertThat(e.kind()).isEqualTo(EngineException.Kind.IMAGE_MISSING);
      assertThat(e.getMessage())
          .contains("registry.invalid/firewall:latest", "is not pulled", "ZCBOT_FIREWALL_IMAGE")
          .doesNotContain("pulling it failed");
    }
  }

  /** Whatever an image has, its files are read by a container that is never started. */
  @Test
  void anImageIsCheckedWithoutRunningIt() throws Exception {
    String image =
        fixture.image(
            directory,
            "RUN cp /bin/true /usr/bin/mine && chmod 4755 /usr/bin/mine && touch /workspace/lost",
            "RUN rm /usr/bin/bash",
            "HEALTHCHECK CMD true",
            "ENV MINE=1",
            "ONBUILD RUN true",
            "VOLUME /data",
            "ENTRYPOINT [\"/usr/bin/mine\"]",
            "CMD [\"x\"]");
    DockerEngine engine = fixture.engine;
    assertThat(ImageChecks.of(SandboxImage.NAME, engine.imageFacts(SandboxImage.NAME)))
        .as("our own image")
        .allMatch(each -> each.level() == Finding.Level.OK);
    assertThat(
            ImageChecks.of(image, engine.imageFacts(image)).stream()
                .filter(each -> each.level() != Finding.Level.OK)
                .map(Finding::check))
        .containsExactlyInAnyOrder(
            "entrypoint",
            "shell",
            "volumes",
            "setuid",
            "hidden",
            "healthcheck",
            "cmd",
            "onbuild",
            "env");
    assertThat(engine.imageFacts("zcbot-nosuch:1")).isNull();
    assertThat(
            fixture
                .docker
                .listContainersCmd()
                .withShowAll(true)
                .withAncestorFilter(List.of(image))
                .exec())
        .isEmpty();
  }
}
