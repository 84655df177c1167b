from tigrest import Handler

answer = 1 / 0
