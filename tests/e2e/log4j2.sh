#!/bin/bash
# log4j2: File, RandomAccessFile, and RollingFile that writes to the dated name directly, each
# with two appenders; two starts.  Then RollingFile that renames, without a highest number.

# shellcheck source=tests/e2e/lib.sh
source "$(dirname "$0")/lib.sh"
need java
jars=/usr/share/java/log4j-api.jar:/usr/share/java/log4j-core.jar
[[ -e ${jars%%:*} && -e ${jars##*:} ]] || skip "liblog4j2-java is not installed"

mkdir classes
if command -v javac >/dev/null 2>&1; then
	compile=(javac -proc:none -encoding UTF-8)
else
	need ecj
	compile=(ecj -proc:none -11 -encoding UTF-8)
fi
"${compile[@]}" -cp "$jars" -d classes "$top/tests/e2e/App.java" || fail "cannot compile App.java"

layout='<PatternLayout pattern="%d %-5p [%t] %c: %m%n"/>'
triggers='<Policies><TimeBasedTriggeringPolicy/><SizeBasedTriggeringPolicy size="64 KB"/></Policies>'

# Of a strict mount; then those that need to rename.
strict_appenders() { # SUFFIX DIR
	cat <<-END
		<File name="file-$1" fileName="$2/file.log">$layout</File>
		<File name="buffered-$1" fileName="$2/buffered.log" immediateFlush="false">$layout</File>
		<RandomAccessFile name="random-$1" fileName="$2/random.log">$layout</RandomAccessFile>
		<RollingFile name="direct-$1" filePattern="$2/direct-%d{yyyy-MM-dd}-%i.log">
		  $layout $triggers <DirectWriteRolloverStrategy/>
		</RollingFile>
	END
}
rotate_appenders() {
	cat <<-END
		<RollingFile name="rolling-$1" fileName="$2/rolling.log"
		    filePattern="$2/rolling-%d{yyyy-MM-dd}-%i.log">
		  $layout $triggers <DefaultRolloverStrategy fileIndex="nomax"/>
		</RollingFile>
	END
}

configure() { # PROFILE KIND…
	local profile=$1 kind
	shift
	echo '<Configuration status="warn"><Appenders>'
	"${profile}_appenders" mnt "$mnt"
	"${profile}_appenders" plain "$plain"
	echo '</Appenders><Loggers><Root level="info">'
	for kind in "$@"; do
		echo "<AppenderRef ref=\"$kind-mnt\"/><AppenderRef ref=\"$kind-plain\"/>"
	done
	echo '</Root></Loggers></Configuration>'
}

run_app() {
	java -Xshare:auto -XX:TieredStopAtLevel=1 -Dfile.encoding=UTF-8 \
		-Dlog4j2.configurationFile="$TEST_TMPDIR/log4j2.xml" -cp "classes:$jars" App "$1" \
		>>java.out 2>&1 || {
		cat java.out
		fail "java"
	}
	[[ ! -s java.out ]] || {
		cat java.out
		fail "log4j2 complains"
	}
}

messages_in() { cat "$@" | grep -c 'message [0-9]*$'; }

mount_store strict
configure strict file buffered random direct >log4j2.xml
run_app 1
compare_all
run_app 2
compare_all
for log in file buffered random; do
	(($(messages_in "$mnt/$log.log") == 600)) || fail "$log.log: a message is lost"
done
(($(messages_in "$mnt"/direct-*.log) == 600)) || fail "direct: a message is lost"
written_by java random.log
"$inkfs" umount "$mnt"

mount_store rotate
configure rotate rolling >log4j2.xml
run_app 3
compare_all
rolled=("$mnt"/rolling-*.log)
[[ -e ${rolled[0]} ]] || fail "RollingFile did not roll over"
(($(messages_in "$mnt/rolling.log" "${rolled[@]}") == 300)) || fail "rolling: a message is lost"
finish 0
