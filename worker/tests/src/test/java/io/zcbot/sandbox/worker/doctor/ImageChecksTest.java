/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.docker.host.ImageFacts;
import io.zcbot.sandbox.worker.docker.host.ImageFiles;
import io.zcbot.sandbox.worker.docker.host.SandboxGround;
import io.zcbot.sandbox.worker.doctor.Finding.Level;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What is said of each image; ImagesIT has images of an engine. */
class ImageChecksTest {
  private static final ImageFiles.Found NONE = new ImageFiles.Found(0, List.of());
  private static final Set<String> PROGRAMS =
      Set.of(ImageFacts.INIT, ImageFacts.RUNNER, ImageFacts.SHELL, ImageFacts.BASH);

  private static ImageFacts image(
      Set<String> programs, ImageFiles.Found privileged, ImageFacts.Settings settings) {
    return new ImageFacts(
        new SandboxGround.Image("sha256:00", true, true, false, List.of(), List.of(), List.of()),
        settings,
        new ImageFiles(programs, privileged, NONE, NONE));
  }

  private static ImageFacts.Settings settings(String entrypoint, List<String> onBuild) {
    return new ImageFacts.Settings(
        List.of(entrypoint), List.of(), List.of("PATH", "LANG"), false, onBuild);
  }

  private static List<String> problems(ImageFacts facts) {
    return ImageChecks.of("my:1", facts).stream()
        .filter(each -> each.level() != Level.OK)
        .map(each -> each.level() + " " + each.check() + ": " + each.detail())
        .toList();
  }

  @Test
  void anImageAsOursHasNoProblem() {
    assertThat(problems(image(PROGRAMS, NONE, settings(ImageFacts.INIT, List.of())))).isEmpty();
  }

  @Test
  void anImageThatIsNotThereIsAFailure() {
    assertThat(problems(null)).containsExactly("FAIL image: my:1 does not exist on the engine");
  }

  @Test
  void anImageThatStartsSomethingElseIsAFailure() {
    assertThat(problems(image(PROGRAMS, NONE, settings("/bin/sh", List.of()))))
        .containsExactly(
            "FAIL entrypoint: it starts /bin/sh instead of zcbot-init, which checks the firewall"
                + " and starts the runner");
  }

  private static List<String> ofForeign(Set<String> programs, List<String> labels) {
    return problems(
        new ImageFacts(
            new SandboxGround.Image("sha256:00", false, false, false, List.of(), List.of(), labels),
            settings("/bin/server", List.of()),
            new ImageFiles(programs, NONE, NONE, NONE)));
  }

  @Test
  void ofAnyOtherImageItIsSaidWhatCommandsWillMiss() {
    assertThat(ofForeign(Set.of(ImageFacts.SHELL, "/usr/local/bin/python3"), List.of()))
        .singleElement()
        .asString()
        .startsWith("WARN entrypoint: it was not built from sandbox-image")
        .endsWith("its ENTRYPOINT (/bin/server) is not run");
    assertThat(ofForeign(Set.of(), List.of("zcbot.user_id")))
        .extracting(each -> each.split(" ")[0] + " " + each.split("[ :]")[1])
        .containsExactly("WARN entrypoint", "WARN shell", "WARN python", "FAIL labels");
  }

  @Test
  void programsThatAreMissingAreNamed() {
    ImageFacts.Settings settings = settings(ImageFacts.INIT, List.of());
    assertThat(problems(image(Set.of(ImageFacts.INIT, ImageFacts.RUNNER), NONE, settings)))
        .singleElement()
        .asString()
        .startsWith("FAIL shell: it has no /bin/sh");
    assertThat(
            problems(
                image(
                    Set.of(ImageFacts.INIT, ImageFacts.RUNNER, ImageFacts.SHELL), NONE, settings)))
        .singleElement()
        .asString()
        .startsWith("WARN shell: it has /bin/sh but no /bin/bash");
    assertThat(problems(image(Set.of(ImageFacts.SHELL, ImageFacts.BASH), NONE, settings)))
        .singleElement()
        .asString()
        .startsWith("FAIL entrypoint: zcbot-init or the runner is missing");
  }

  @Test
  void whatIsDangerousIsShown() {
    ImageFiles.Found many = new ImageFiles.Found(3, List.of("/usr/bin/su", "/usr/bin/mount"));
    assertThat(problems(image(PROGRAMS, many, settings(ImageFacts.INIT, List.of("RUN curl evil")))))
        .containsExactly(
            "WARN setuid: 3 files are setuid or setgid, or have capabilities: /usr/bin/su,"
                + " /usr/bin/mount, …",
            "WARN onbuild: it has ONBUILD (RUN curl evil), which runs in the build of each image"
                + " FROM it");
  }
}
