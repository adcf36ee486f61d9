package io.zcbot.sandbox.worker.docker;

import com.github.dockerjava.api.model.Info;
import io.zcbot.sandbox.worker.sandbox.EngineException;
import io.zcbot.sandbox.worker.sandbox.EngineException.Kind;
import io.zcbot.sandbox.worker.sandbox.SandboxSpec;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What an engine says about itself, as far as sandboxes depend on it.
 *
 * @param remapsUsers whether root in a container is somebody else on the host
 * @param dataRoot where the engine keeps its data; of one that remaps users, the last part names
 *     the host's ids of a container's root
 * @param runtimes what stands behind each runtime's name
 */
record EngineFacts(
    boolean remapsUsers, String dataRoot, String defaultRuntime, Map<String, String> runtimes) {
  private static final Pattern REMAPPED_ROOT = Pattern.compile(".*/(\\d{1,9})\\.(\\d{1,9})/?");
  private static final Pattern OWN_STACK =
      Pattern.compile("runsc|gvisor|kata|firecracker", Pattern.CASE_INSENSITIVE);

  static EngineFacts read(EngineCalls calls) throws EngineException {
    return of(calls.call(Operation.INFO, engine -> engine.docker().infoCmd().exec()));
  }

  static EngineFacts of(Info info) {
    List<String> options = info.getSecurityOptions();
    Map<String, String> runtimes = new HashMap<>();
    if (info.getRawValues().get("Runtimes") instanceof Map<?, ?> named) {
      named.forEach((name, what) -> runtimes.put(String.valueOf(name), String.valueOf(what)));
    }
    if (info.getRuntimes() != null) {
      info.getRuntimes()
          .forEach((name, what) -> runtimes.merge(name, String.valueOf(what), String::concat));
    }
    return new EngineFacts(
        options != null && options.stream().anyMatch(o -> o.startsWith("name=userns")),
        text(info.getDockerRootDir()),
        text(info.getRawValues().get("DefaultRuntime")),
        Map.copyOf(runtimes));
  }

  private static String text(@Nullable Object value) {
    return value == null ? "" : value.toString();
  }

  /**
   * Whom workspaces must belong to for sandboxes to be able to use them.
   *
   * @throws EngineException if the engine does not tell
   */
  Workspaces.Owner workspaceOwner() throws EngineException {
    if (!remapsUsers) {
      return Workspaces.Owner.UNMAPPED;
    }
    Matcher ids = REMAPPED_ROOT.matcher(dataRoot);
    if (!ids.matches()) {
      throw EngineErrors.exception(
          Kind.REJECTED,
          Operation.INFO,
          "the engine remaps users, but its data directory "
              + dataRoot
              + " does not tell to which ids",
          "run an engine without userns-remap, or one that names its data directory so",
          null);
    }
    return new Workspaces.Owner(
        Integer.parseInt(ids.group(1)) + Workspaces.SANDBOX_ID,
        Integer.parseInt(ids.group(2)) + Workspaces.SANDBOX_ID);
  }

  /**
   * Refuses what would not hold on this engine.
   *
   * @throws EngineException of kind REJECTED, with a message for an operator
   */
  void refuseWhatWouldNotHold(SandboxSpec spec) throws EngineException {
    String runtime = spec.runtime() == null ? defaultRuntime : spec.runtime();
    if (spec.policy().rulesInSandbox() && hasOwnNetworkStack(runtime)) {
      throw EngineErrors.exception(
          Kind.REJECTED,
          Operation.INFO,
          "the firewall mode "
              + spec.policy().firewall().name().toLowerCase(Locale.ROOT)
              + " does not hold with the runtime "
              + runtime
              + ": its network stack is its own and knows no rules of the kernel's",
          "set ZCBOT_SANDBOX_FIREWALL=host",
          null);
    }
  }

  /** Whether the engine runs a container that names no runtime with a network stack of its own. */
  boolean defaultHasOwnNetworkStack() {
    return hasOwnNetworkStack(defaultRuntime);
  }

  private boolean hasOwnNetworkStack(String runtime) {
    return OWN_STACK.matcher(runtime).find()
        || OWN_STACK.matcher(runtimes.getOrDefault(runtime, "")).find();
  }
}
