# functions.awk - reads what code.awk prints and lists every function definition:
# FILE LINE NAME static|global LINES PARAMETERS
#
# Relies on the braces of .clang-format: only a function's body opens with a brace on a line of its
# own in the first column.
{
    file = $0
    sub(/:.*/, "", file)
    line = substr($0, length(file) + 2)
    number = line
    sub(/:.*/, "", number)
    code = substr(line, length(number) + 2)
}

code ~ /^[A-Za-z_]/ {
    signature = code ~ /;[ \t]*$/ ? "" : code
    start = number
    next
}

code ~ /^{[ \t]*$/ && signature ~ /\(/ {
    name = signature
    sub(/\(.*/, "", name)
    sub(/[ \t]*$/, "", name)
    sub(/.*[^A-Za-z0-9_]/, "", name)
    parameters = signature
    sub(/^[^(]*\(/, "", parameters)
    sub(/\)[^)]*$/, "", parameters)
    commas = gsub(/,/, ",", parameters)
    count = parameters ~ /^[ \t]*(void)?[ \t]*$/ ? 0 : commas + 1
    linkage = signature ~ /^static[ \t]/ ? "static" : "global"
    open = number
    next
}

code ~ /^}/ {
    if (open)
        print file, start, name, linkage, number - open + 1, count
    open = 0
    signature = ""
    next
}

signature != "" && !open { signature = signature " " code }
