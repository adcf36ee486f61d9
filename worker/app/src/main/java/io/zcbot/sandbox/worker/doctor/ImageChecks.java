/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import io.zcbot.sandbox.worker.docker.host.ImageFacts;
import io.zcbot.sandbox.worker.docker.host.ImageFiles;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Checks what an image lacks as a sandbox, and what is dangerous in it. Makes no calls. */
public final class ImageChecks {
  /** What the images from sandbox-image set. */
  private static final Set<String> USUAL_VARIABLES = Set.of("PATH", "LANG");

  private static final String REBUILD =
      "build it from the sandbox-image of this version, or FROM an image built from there";

  private static final String FOREIGN =
      "it was not built from sandbox-image: a worker starts it by a runner that it mounts"
          + " (ZCBOT_RUNTIME_IMAGE), which requires ZCBOT_SANDBOX_FIREWALL=host";

  private ImageChecks() {}

  /**
   * Checks an image.
   *
   * @param facts null if the engine does not have it
   */
  public static List<Finding> of(String name, @Nullable ImageFacts facts) {
    if (facts == null) {
      return List.of(
          Finding.fail("image", name + " does not exist on the engine", "build it, or pull it"));
    }
    List<Finding> findings = new ArrayList<>();
    findings.add(Finding.ok("image", name + " (" + facts.image().id() + ")"));
    findings.add(runner(facts));
    findings.add(shell(facts));
    if (facts.image().isForeign()) {
      findings.add(python(facts.files()));
      findings.add(labels(facts));
    }
    findings.add(volumes(facts));
    findings.add(privileged(facts.files().privileged()));
    findings.add(unreadable(facts.files().unreadable()));
    findings.add(hidden(facts.files().hidden()));
    findings.addAll(ignored(facts.settings()));
    return findings;
  }

  /**
   * Checks an image of a profile. What {@link GroundChecks} says of it is left out.
   *
   * @return its problems; one finding if there is none
   */
  static List<Finding> ofContent(String name, ImageFacts facts) {
    List<Finding> problems =
        of(name, facts).stream()
            .filter(each -> each.level() != Finding.Level.OK && !each.check().equals("volumes"))
            .toList();
    return problems.isEmpty()
        ? List.of(Finding.ok("image-content", name + " has what a sandbox needs"))
        : problems;
  }

  private static Finding runner(ImageFacts facts) {
    if (facts.image().isForeign()) {
      String entrypoint = String.join(" ", facts.settings().entrypoint());
      return entrypoint.isEmpty()
          ? Finding.ok("entrypoint", FOREIGN)
          : Finding.warn(
              "entrypoint",
              FOREIGN + "; its ENTRYPOINT (" + entrypoint + ") is not run",
              "start by an exec what commands need");
    }
    if (!facts.settings().entrypoint().equals(List.of(ImageFacts.INIT))) {
      return Finding.fail(
          "entrypoint",
          "it starts "
              + (facts.settings().entrypoint().isEmpty()
                  ? "nothing"
                  : String.join(" ", facts.settings().entrypoint()))
              + " instead of zcbot-init, which checks the firewall and starts the runner",
          REBUILD + ", and keep its ENTRYPOINT");
    }
    return facts.image().hasRunner()
            && facts.files().executables().containsAll(Set.of(ImageFacts.INIT, ImageFacts.RUNNER))
        ? Finding.ok("entrypoint", "zcbot-init, and its runner can be executed")
        : Finding.fail(
            "entrypoint", "zcbot-init or the runner is missing or can't be executed", REBUILD);
  }

  private static Finding shell(ImageFacts facts) {
    Set<String> executables = facts.files().executables();
    boolean hasShell = executables.contains(ImageFacts.SHELL);
    boolean hasBash = executables.contains(ImageFacts.BASH);
    if (hasShell && hasBash) {
      return Finding.ok("shell", "it has /bin/sh and bash");
    }
    if (facts.image().isForeign()) {
      return hasShell
          ? Finding.ok("shell", "it has /bin/sh; scripts ('shell' of an exec) get a bash")
          : Finding.warn(
              "shell",
              "it has no /bin/sh that everybody may execute: programs that start one fail; scripts"
                  + " ('shell' of an exec) get a bash",
              "install a shell, such as dash or busybox");
    }
    return hasShell
        ? Finding.warn(
            "shell",
            "it has /bin/sh but no /bin/bash: scripts ('shell' of an exec) can't be run",
            "install bash")
        : Finding.fail(
            "shell",
            "it has no /bin/sh that everybody may execute, by which a sandbox starts",
            "install a shell, such as dash or busybox");
  }

  private static Finding python(ImageFiles files) {
    return Collections.disjoint(files.executables(), ImageFacts.PYTHON)
        ? Finding.warn(
            "python",
            "it has no python3: files, ports and code of the gateway's clients need it",
            "install python3, or use the image without the gateway")
        : Finding.ok("python", "it has python3");
  }

  private static Finding labels(ImageFacts facts) {
    return facts.image().reserved().isEmpty()
        ? Finding.ok("labels", "it has none that only a worker may set")
        : Finding.fail(
            "labels",
            "it has labels that only a worker may set ("
                + String.join(", ", facts.image().reserved())
                + "): each sandbox would have them, too",
            "remove them from its Dockerfile");
  }

  private static Finding volumes(ImageFacts facts) {
    return facts.image().volumes().isEmpty()
        ? Finding.ok("volumes", "it declares none")
        : Finding.fail(
            "volumes",
            "it declares volumes ("
                + String.join(", ", facts.image().volumes())
                + "), which no limit bounds; workers do not start with it",
            "remove VOLUME from its Dockerfile, and keep files in /workspace or /tmp");
  }

  private static Finding privileged(ImageFiles.Found files) {
    return files.count() == 0
        ? Finding.ok("setuid", "no file is setuid or setgid, or has capabilities")
        : Finding.warn(
            "setuid",
            shown(files, "files are setuid or setgid, or have capabilities"),
            "remove the bits in its Dockerfile: find / -xdev -type f -perm /6000 -exec chmod a-s {}"
                + " +; and setcap -r. They have no effect in a sandbox; without them an error"
                + " elsewhere does no harm");
  }

  private static Finding unreadable(ImageFiles.Found files) {
    return files.count() == 0
        ? Finding.ok("readable", "everybody may read its programs")
        : Finding.warn(
            "readable",
            shown(files, "files of its programs can't be read by everybody"),
            "chmod a+rX them: each sandbox runs as another user");
  }

  private static Finding hidden(ImageFiles.Found files) {
    return files.count() == 0
        ? Finding.ok("hidden", "it has nothing in /workspace or /tmp")
        : Finding.warn(
            "hidden",
            shown(files, "files are in /workspace or /tmp, where sandboxes don't see them"),
            "put them elsewhere, for example into /usr/local/share");
  }

  private static List<Finding> ignored(ImageFacts.Settings settings) {
    List<Finding> findings = new ArrayList<>();
    if (settings.hasHealthCheck()) {
      findings.add(
          Finding.warn(
              "healthcheck", "it has a HEALTHCHECK, which is not run", "remove HEALTHCHECK"));
    }
    if (!settings.command().isEmpty()) {
      findings.add(
          Finding.warn(
              "cmd",
              "its CMD (" + String.join(" ", settings.command()) + ") is not run",
              "remove CMD: a sandbox runs the commands of execs"));
    }
    if (!settings.onBuild().isEmpty()) {
      findings.add(
          Finding.warn(
              "onbuild",
              "it has ONBUILD ("
                  + String.join("; ", settings.onBuild())
                  + "), which runs in the build of each image FROM it",
              "remove ONBUILD unless you know it"));
    }
    List<String> variables =
        settings.variables().stream().filter(each -> !USUAL_VARIABLES.contains(each)).toList();
    if (!variables.isEmpty()) {
      findings.add(
          Finding.warn(
              "env",
              "commands don't get its ENV (" + String.join(", ", variables) + ")",
              "give them by 'environment' of a profile, or 'env' of an exec"));
    }
    return findings;
  }

  private static String shown(ImageFiles.Found files, String what) {
    return files.count()
        + " "
        + what
        + ": "
        + String.join(", ", files.first())
        + (files.count() > files.first().size() ? ", …" : "");
  }
}
