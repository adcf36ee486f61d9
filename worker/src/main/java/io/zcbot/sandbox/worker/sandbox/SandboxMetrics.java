package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.Reaped;
import java.time.Duration;

/** What the domain and the engine adapter tell whoever counts. */
public interface SandboxMetrics {
  /** An ensure was answered; {@code answer} is a ready's outcome or a failed's reason. */
  void ensured(String answer, Duration took);

  /** A sandbox was announced reaped. */
  void reaped(Reaped.Reason reason);

  /** An ensure is tried again. */
  void retried(EngineException.Kind because);

  /** An engine call ended; {@code result} is {@code ok} or the failure's kind. */
  void engineCall(String operation, String result, Duration took);

  /** Counts nothing. */
  SandboxMetrics NONE =
      new SandboxMetrics() {
        @Override
        public void ensured(String answer, Duration took) {}

        @Override
        public void reaped(Reaped.Reason reason) {}

        @Override
        public void retried(EngineException.Kind because) {}

        @Override
        public void engineCall(String operation, String result, Duration took) {}
      };
}
