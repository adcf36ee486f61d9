/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import io.zcbot.sandbox.worker.docker.host.ImagePull;
import io.zcbot.sandbox.worker.docker.host.RunnerProbe;
import io.zcbot.sandbox.worker.docker.host.SandboxGround;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Checks the images and the network that a worker needs on an engine. Makes no calls. */
public final class GroundChecks {
  private GroundChecks() {}

  /** Checks the state of the images and the network. */
  static List<Finding> of(SandboxGround ground, SandboxSpec spec) {
    List<Finding> findings = new ArrayList<>();
    findings.add(image(ground, spec));
    if (ground.image() != null) {
      findings.add(volumes(ground.image(), spec));
    }
    if (ground.helper() != null) {
      findings.add(helper(ground, ground.helper()));
    }
    findings.add(network(ground, spec));
    return findings;
  }

  private static Finding image(SandboxGround ground, SandboxSpec spec) {
    SandboxGround.Image image = ground.image();
    if (image == null) {
      return Finding.fail(
          "image",
          spec.image() + " does not exist on the engine",
          "build it (docker build -t " + spec.image() + " sandbox-image), or pull it");
    }
    SandboxGround.Helper runtime = ground.runtime();
    if (!image.isForeign() && !image.isSandbox()) {
      return Finding.fail(
          "image",
          spec.image() + " does not start zcbot-init, which checks the firewall",
          "build it from sandbox-image, or FROM an image built from there, and keep its ENTRYPOINT");
    }
    if (image.isForeign() && spec.policy().rulesInSandbox()) {
      return Finding.fail(
          "image",
          spec.image() + " was not built from sandbox-image, so it can't set its own firewall",
          "set ZCBOT_SANDBOX_FIREWALL=host, or build it FROM an image built from sandbox-image");
    }
    if (runtime != null && runtime.image() == null) {
      return Finding.fail(
          "image",
          spec.image()
              + " was not built from sandbox-image, and "
              + runtime.name()
              + ", from which it would get its runner, does not exist on the engine",
          "build it (docker build -t "
              + runtime.name()
              + " sandbox-image), or name another in ZCBOT_RUNTIME_IMAGE");
    }
    String known = spec.image() + " (" + image.id() + ")";
    return image.fromRegistry() && !ImagePull.isByDigest(spec.image())
        ? Finding.warn(
            "image",
            known + " is from a registry, by a name that can be given to another image",
            "name it by its digest in ZCBOT_SANDBOX_IMAGE (docker image inspect -f"
                + " '{{index .RepoDigests 0}}' "
                + spec.image()
                + "), or build it on this host")
        : Finding.ok("image", known);
  }

  /**
   * Checks that the engine adds no volumes to sandboxes. Each would have a random name, by which no
   * sandbox is like its specification, and the limits of the workspace would not hold there.
   */
  public static Finding volumes(SandboxGround.Image image, SandboxSpec spec) {
    return image.volumes().isEmpty()
        ? Finding.ok("volumes", "the image declares none")
        : Finding.fail(
            "volumes",
            spec.image()
                + " declares volumes ("
                + String.join(", ", image.volumes())
                + "), which no limit bounds, and by which every sandbox differs from the others, so"
                + " that it is replaced at each ensure",
            "remove VOLUME from its Dockerfile, and keep files in /workspace or /tmp");
  }

  /**
   * Checks whether the helper shares layers with the sandboxes' image. Containers that share a
   * layer execute the same pages of memory.
   */
  private static Finding helper(SandboxGround ground, SandboxGround.Helper helper) {
    SandboxGround.Image image = helper.image();
    if (image == null) {
      return Finding.fail(
          "firewall-image",
          helper.name() + " does not exist on the engine",
          "build it (docker build -t "
              + helper.name()
              + " -f sandbox-image/firewall.Dockerfile sandbox-image)");
    }
    SandboxGround.Image sandboxes = ground.image();
    return sandboxes != null && !Collections.disjoint(image.layers(), sandboxes.layers())
        ? Finding.warn(
            "firewall-image",
            helper.name()
                + " shares layers with the sandboxes' image: what code in a sandbox manages to"
                + " change in memory of a file there, the firewall's containers execute",
            "build both from sandbox-image, whose Dockerfiles share nothing")
        : Finding.ok(
            "firewall-image", helper.name() + " shares no layer with the sandboxes' image");
  }

  /**
   * Checks that the runner can load its filter of system calls.
   *
   * @param filter null if the image's runner has none
   */
  static Finding filter(RunnerProbe.@Nullable Filter filter, SandboxSpec spec) {
    return switch (filter) {
      case null ->
          Finding.fail(
              "filter",
              "the runner of "
                  + spec.image()
                  + " has no filter of system calls, so a command can use up what the kernel has"
                  + " for the whole host",
              "build it from the sandbox-image of this version, or FROM an image built from there");
      case RunnerProbe.Filter.Loaded _ ->
          Finding.ok("filter", "commands run under the runner's filter of system calls");
      case RunnerProbe.Filter.NotNeeded _ ->
          Finding.ok("filter", "gVisor's kernel needs no filter of system calls");
      case RunnerProbe.Filter.Refused refused ->
          Finding.fail(
              "filter",
              "the kernel does not load the runner's filter of system calls (errno "
                  + refused.errno()
                  + "), so no sandbox becomes ready",
              RunnerProbe.Filter.FIX);
    };
  }

  /**
   * Checks the socket families that can be used in a sandbox without need, where the runner's
   * filter does not apply.
   *
   * @param open names of the families
   */
  static Finding sockets(List<String> open) {
    return open.isEmpty()
        ? Finding.ok("sockets", "the engine refuses AF_ALG, AF_RXRPC and AF_VSOCK")
        : Finding.warn(
            "sockets",
            "what 'docker exec' runs in a sandbox can make sockets of "
                + String.join(", ", open)
                + ", which lead deep into the host's kernel or to its hypervisor; commands of"
                + " sandbox.exec can't",
            "update the engine to one whose seccomp profile refuses them, keep the kernel from"
                + " loading their modules (af_alg, rxrpc, vsock), or run sandboxes on gVisor");
  }

  private static Finding network(SandboxGround ground, SandboxSpec spec) {
    SandboxGround.Network network = ground.network();
    if (network == null) {
      return Finding.ok(
          "network",
          spec.network()
              + " does not exist yet; the worker creates it"
              + " with the first sandbox");
    }
    return network.driver().equals("bridge") && network.isolates()
        ? Finding.ok(
            "network", spec.network() + ", a bridge that isolates sandboxes from one" + " another")
        : Finding.fail(
            "network",
            spec.network() + " (" + network.driver() + ") lets sandboxes reach one another",
            "remove it, so that the worker creates it, or set ZCBOT_SANDBOX_NETWORK to another"
                + " name");
  }
}
