import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;

/** Logs through every appender of log4j2.xml: App START. */
public final class App {
    private static final int COUNT = 300;

    private App() {
    }

    public static void main(String[] arguments) {
        Logger logger = LogManager.getLogger(App.class);
        for (int number = 1; number <= COUNT; number++) {
            logger.info("start {}, message {}", arguments[0], number);
        }
        logger.warn("long {}", "x".repeat(100_000));
        logger.error("on purpose, ünïcödé", new IllegalStateException("with a stack trace"));
        LogManager.shutdown();
    }
}
